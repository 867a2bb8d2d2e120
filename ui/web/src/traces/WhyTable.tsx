import { useQuery } from "@tanstack/react-query";
import { whyQuery } from "../api/queries";
import { targetName } from "../api/verdict";
import type { Hop } from "../api/why";
import { ms, time } from "../format";
import { Badge, BreakerBadge } from "../ui/Badge";
import { TableScroll } from "../status/TableScroll";
import { ErrorState, Skeleton } from "../ui/State";

const makers: Record<string, string> = { app: "the app", proxy: "its own sidecar", peer: "the other sidecar" };

/** Who made the answer, hop by hop, and what was in force. */
export function WhyTable({ id }: { id: string }) {
  const why = useQuery(whyQuery(id));
  if (why.isPending) return <Skeleton label="The access logs are loading" />;
  if (why.isError) return <ErrorState error={why.error} retry={() => void why.refetch()} />;
  return (
    <div className="why">
      <p className="why-summary">{why.data.summary}</p>
      {why.data.note && <p className="why-note">{why.data.note}</p>}
      {why.data.verdicts.length > 0 && (
        <ul className="why-verdicts">
          {why.data.verdicts.map((v) => (
            <li key={v.id}>
              <BreakerBadge breaker={v.phase} /> {targetName(v.target)}: {v.reason}
            </li>
          ))}
        </ul>
      )}
      <TableScroll label="Access log rows">
          <thead>
            <tr>
              <th>Time</th>
              <th>Said by</th>
              <th>Request</th>
              <th className="num">Status</th>
              <th>Made by</th>
              <th>Reasons</th>
              <th className="num">Tries</th>
              <th className="num">Took</th>
              <th className="num">Config</th>
            </tr>
          </thead>
          <tbody>
            {why.data.hops.map((h, i) => (
              <HopRow key={i} hop={h} />
            ))}
          </tbody>
        </TableScroll>
    </div>
  );
}

function HopRow({ hop }: { hop: Hop }) {
  const l = hop.log;
  const status = l.status ?? 0;
  return (
    <tr>
      <td>{time(l.time)}</td>
      <td>
        {l.service} {l.version} <span className="faint">{l.reporter === "source" ? `→ ${l.peer}` : l.peer && `← ${l.peer}`}</span>
      </td>
      <td>
        {l.method} {l.path}
      </td>
      <td className="num">
        <Badge tone={status === 0 || status >= 500 ? "bad" : status >= 400 ? "warn" : "good"}>{status || "none"}</Badge>
      </td>
      <td>{makers[hop.generatedBy] ?? "–"}</td>
      <td className="wrap">
        {l.reason || hop.flags.map((f) => f.meaning).join("; ") || "–"}
        {hop.tries.length > 1 && <div className="faint">{hop.tries.map((t) => `${t.instance} ${t.status || "–"} in ${ms(t.ms)}`).join(", ")}</div>}
      </td>
      <td className="num">{hop.attempts}</td>
      <td className="num">{ms(l.durationMs ?? 0)}</td>
      <td className="num">{hop.configVersion ?? "–"}</td>
    </tr>
  );
}
