import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useLiveGraph } from "../api/live";
import { trafficListQuery } from "../api/queries";
import type { Traffic } from "../api/traffic";
import { rate, share } from "../format";
import { Page } from "../shell/Page";
import { Badge } from "../ui/Badge";
import { ErrorState, Skeleton, State } from "../ui/State";
import { isWeighted, sharesOf, versionsOf } from "./weights";
import "./traffic.css";

export default function TrafficIndex() {
  const list = useQuery(trafficListQuery);
  const graph = useLiveGraph();
  const services = [...(list.data?.services ?? [])].sort((a, b) => versionsOf(b).length - versionsOf(a).length || a.service.localeCompare(b.service));
  return (
    <Page title="Traffic" note={list.data && `${services.length} services`}>
      {list.isPending && <Skeleton rows={8} label="Traffic is loading" />}
      {list.isError && <ErrorState error={list.error} retry={() => void list.refetch()} />}
      {list.isSuccess && services.length === 0 && (
        <State icon="traffic" title="No services yet">
          A service shows here once one of its sidecars has enrolled.
        </State>
      )}
      {services.length > 0 && (
        <ul className="traffic-list">
          {services.map((t) => (
            <Entry key={t.service} traffic={t} rps={graph?.nodes.find((n) => n.id === t.service)?.rps ?? 0} />
          ))}
        </ul>
      )}
    </Page>
  );
}

function Entry({ traffic: t, rps }: { traffic: Traffic; rps: number }) {
  const shares = sharesOf(t);
  const versions = Object.keys(shares);
  return (
    <li>
      <Link className="traffic-entry" to="/traffic/$service" params={{ service: t.service }}>
        <b className="clip">{t.service}</b>
        <span className="muted">{rate(rps)}</span>
        <span className="split" aria-hidden="true">
          {isWeighted(t) && versions.map((v, i) => <span key={v} data-series={i % 4} style={{ flexGrow: shares[v] }} />)}
        </span>
        <span className="traffic-shares clip">{isWeighted(t) ? versions.map((v) => `${v} ${share((shares[v] ?? 0) / 100)}`).join("  ") : versions.join("  ") || "no version"}</span>
        <span className="traffic-source">{isWeighted(t) ? <Badge tone="accent">weighted</Badge> : <Badge>default</Badge>}</span>
      </Link>
    </li>
  );
}
