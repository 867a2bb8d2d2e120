import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { alertsQuery, slosQuery } from "../api/queries";
import type { Alert, Burn, SLO } from "../api/slo";
import { share, time } from "../format";
import { Page } from "../shell/Page";
import { Badge } from "../ui/Badge";
import { ErrorState, Skeleton, State } from "../ui/State";
import { TableScroll } from "./TableScroll";

export default function SLOsPage() {
  const slos = useQuery(slosQuery);
  const alerts = useQuery(alertsQuery);
  // Both at once: alerts that come later would push the objectives down.
  const pending = slos.isPending || alerts.isPending;
  const all = slos.data?.slos ?? [];
  const active = alerts.data?.alerts ?? [];
  return (
    <Page title="SLOs & alerts" note={!pending && slos.isSuccess ? `${all.length} objectives, ${active.filter((a) => a.state === "firing").length} alerts firing` : undefined}>
      {pending && <Skeleton label="Objectives are loading" />}
      {!pending && slos.isError && <ErrorState error={slos.error} retry={() => void slos.refetch()} />}
      {!pending && active.length > 0 && <Alerts alerts={active} />}
      {!pending && slos.isSuccess && all.length === 0 && (
        <State icon="slos" title="No objectives yet">
          Apply an OpenSLO manifest: <code>sightline apply -f slo.yaml</code>
        </State>
      )}
      {!pending && all.length > 0 && <Objectives slos={all} />}
    </Page>
  );
}

function Alerts({ alerts }: { alerts: readonly Alert[] }) {
  return (
    <section aria-label="Alerts">
      <h2 className="table-title">Alerts</h2>
      <TableScroll label="Alerts">
          <thead>
            <tr>
              <th>State</th>
              <th>Alert</th>
              <th>Service</th>
              <th>Summary</th>
              <th className="num">Since</th>
            </tr>
          </thead>
          <tbody>
            {alerts.map((a) => (
              <tr key={a.name + a.service + JSON.stringify(a.labels ?? {})}>
                <td>
                  <Badge tone={a.state === "firing" ? "bad" : "warn"} icon={a.state === "firing" ? "fail" : "warn"}>
                    {a.state}
                  </Badge>
                </td>
                <td>
                  {a.name} {a.severity && <span className="faint">{a.severity}</span>}
                </td>
                <td>
                  {a.service && (
                    <Link className="link" to="/" search={{ sel: `node:${a.service}` }}>
                      {a.service}
                    </Link>
                  )}
                </td>
                <td className="wrap">{a.summary}</td>
                <td className="num">{time(a.since)}</td>
              </tr>
            ))}
          </tbody>
        </TableScroll>
    </section>
  );
}

function Objectives({ slos }: { slos: readonly SLO[] }) {
  return (
    <section aria-label="Objectives">
      <h2 className="table-title">Objectives</h2>
      <TableScroll label="Objectives">
          <thead>
            <tr>
              <th>Objective</th>
              <th>Service</th>
              <th className="num">Target</th>
              <th className="num">Period</th>
              <th>Error budget left</th>
              <th>Burn rate (alerts at)</th>
            </tr>
          </thead>
          <tbody>
            {slos.map((s) => (
              <tr key={`${s.namespace}/${s.name}`}>
                <td>
                  {s.name} <span className="faint">{s.description}</span>
                </td>
                <td>
                  <Link className="link" to="/" search={{ sel: `node:${s.service}` }}>
                    {s.service}
                  </Link>
                </td>
                <td className="num">{share(s.objective)}</td>
                <td className="num">{s.window}</td>
                <td>
                  <Budget left={s.budgetLeft} />
                </td>
                <td>
                  <BurnRates burn={s.burn ?? []} />
                </td>
              </tr>
            ))}
          </tbody>
        </TableScroll>
    </section>
  );
}

function BurnRates({ burn }: { burn: readonly Burn[] }) {
  if (burn.length === 0) return <span className="faint">no data yet</span>;
  return (
    <span className="burns">
      {burn.map((b) => (
        <Badge key={b.window} tone={b.limit > 0 && b.rate >= b.limit ? "bad" : b.rate > 1 ? "warn" : "good"}>
          {b.window} {b.rate.toFixed(1)}×{b.limit > 0 && ` (${b.limit}×)`}
        </Badge>
      ))}
    </span>
  );
}

function Budget({ left }: { left: number | undefined }) {
  if (left === undefined) return <span className="faint">no data yet</span>;
  return (
    <span className="budget" data-low={left < 0.25 || undefined} data-spent={left <= 0 || undefined}>
      <span>
        <span style={{ width: `${Math.max(0, Math.min(1, left)) * 100}%` }} />
      </span>
      <span>{left < 0 ? `−${share(-left)}` : share(left)}</span>
    </span>
  );
}
