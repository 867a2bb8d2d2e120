import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo, type ReactNode } from "react";
import { OUTSIDE, type Edge, type Graph, type Node, type Rates } from "../api/graph";
import { live } from "../api/live";
import { serviceQuery } from "../api/queries";
import { flagMeaning, compact, ms, rate, share } from "../format";
import { Badge, BreakerBadge, HealthBadge } from "../ui/Badge";
import { Button } from "../ui/Button";
import { Icon } from "../ui/Icon";
import { State } from "../ui/State";
import { PortTable } from "./PortTable";
import { portGroups } from "./ports";
import { RateCharts, samplesOf } from "./RateCharts";
import { VersionTable } from "./VersionTable";

interface Props {
  graph: Graph;
  selection: string; // "node:cart" or "edge:gateway→cart"
  onSelect: (key: string | undefined) => void;
}

/** What is known of the selected service or edge, and what can be done about it. */
export function Panel({ graph, selection, onSelect }: Props) {
  const id = selection.slice(5);
  const node = selection.startsWith("node:") ? graph.nodes.find((n) => n.id === id) : undefined;
  const edge = selection.startsWith("edge:") ? graph.edges.find((e) => e.id === id) : undefined;
  const title = node ? (node.id === OUTSIDE ? "Outside the mesh" : node.id) : edge ? `${edge.source} → ${edge.destination}` : id;
  return (
    <aside className="panel" aria-label={title}>
      <header className="panel-head">
        <h2 className="clip">{title}</h2>
        {node && <HealthBadge health={node.health} />}
        {edge && (edge.breaker === "admitting" ? <HealthBadge health={edge.health} /> : <BreakerBadge breaker={edge.breaker} />)}
        <Button look="quiet" icon="close" aria-label="Close panel" onClick={() => onSelect(undefined)} />
      </header>
      {node && <NodeParts node={node} graph={graph} onSelect={onSelect} />}
      {edge && <EdgeParts edge={edge} end={graph.end} onSelect={onSelect} />}
      {!node && !edge && (
        <State icon="map" title="Quiet now">
          {id} had no traffic in this window.
        </State>
      )}
    </aside>
  );
}

function Part({ title, children }: { title?: string; children: ReactNode }) {
  return (
    <section className="panel-part" aria-label={title}>
      {title && <h3>{title}</h3>}
      {children}
    </section>
  );
}

function Stats({ rates: r }: { rates: Rates }) {
  const tone = r.errorShare >= 0.1 ? "bad" : r.errorShare >= 0.001 ? "warn" : undefined;
  return (
    <dl className="stats">
      <div>
        <dt>Requests</dt>
        <dd>{rate(r.rps)}</dd>
      </div>
      <div>
        <dt>Failed</dt>
        <dd data-tone={tone}>{share(r.errorShare)}</dd>
      </div>
      <div>
        <dt>p50</dt>
        <dd>{ms(r.p50)}</dd>
      </div>
      <div>
        <dt>p99</dt>
        <dd>{ms(r.p99)}</dd>
      </div>
    </dl>
  );
}

function NodeParts({ node, graph, onSelect }: { node: Node; graph: Graph; onSelect: Props["onSelect"] }) {
  const outside = node.id === OUTSIDE;
  const detail = useQuery({ ...serviceQuery(node.id), enabled: !outside });
  const samples = useMemo(() => samplesOf(detail.data?.series), [detail.data]);
  const into = graph.edges.filter((e) => e.destination === node.id);
  const out = graph.edges.filter((e) => e.source === node.id);
  return (
    <>
      <Part>
        <Stats rates={node} />
        {!outside && <Links service={node.id} />}
      </Part>
      {!outside && (
        <Part title="Last 5 minutes">
          <RateCharts samples={samples} />
        </Part>
      )}
      {(node.versions ?? []).length > 0 && (
        <Part title="Versions">
          <VersionTable service={node.id} versions={node.versions ?? []} total={node.rps} verdicts={detail.data?.verdicts ?? []} />
        </Part>
      )}
      <Reasons edges={into} />
      {portGroups(detail.data?.instances ?? []).length > 0 && (
        <Part title="Ports">
          <PortTable instances={detail.data?.instances ?? []} />
        </Part>
      )}
      {into.length > 0 && (
        <Part title="Called by">
          <EdgeTable edges={into} name={(e) => e.source} onSelect={onSelect} />
        </Part>
      )}
      {out.length > 0 && (
        <Part title="Calls">
          <EdgeTable edges={out} name={(e) => e.destination} onSelect={onSelect} />
        </Part>
      )}
    </>
  );
}

function EdgeParts({ edge, end, onSelect }: { edge: Edge; end: string; onSelect: Props["onSelect"] }) {
  const samples = useMemo(() => live.history.read(`edge:${edge.id}`), [edge.id, end]);
  const detail = useQuery(serviceQuery(edge.destination));
  return (
    <>
      <Part>
        {edge.anomaly && (
          <p className="panel-note">
            <Icon name="fail" /> {edge.anomaly}
          </p>
        )}
        <Stats rates={edge} />
        <div className="panel-links">
          <Badge tone={edge.mtlsShare >= 1 ? "good" : "warn"} icon={edge.mtlsShare >= 1 ? "lock" : "unlock"}>
            {edge.mtlsShare >= 1 ? "mutual TLS" : `${share(edge.mtlsShare)} mutual TLS`}
          </Badge>
          {edge.protocol && <Badge>{edge.protocol}</Badge>}
        </div>
        <Links service={edge.destination} />
      </Part>
      <Part title="Since this page was opened">
        <RateCharts samples={samples} />
      </Part>
      <Part title={`Versions of ${edge.destination}, as ${edge.source} sees them`}>
        <VersionTable service={edge.destination} versions={edge.versions ?? []} total={edge.rps} verdicts={detail.data?.verdicts ?? []} />
      </Part>
      <Reasons edges={[edge]} />
      <Part title="Ends">
        <div className="panel-links">
          {[edge.source, edge.destination].map((id) => (
            <Button key={id} small onClick={() => onSelect(`node:${id}`)}>
              {id}
            </Button>
          ))}
        </div>
      </Part>
    </>
  );
}

function Links({ service }: { service: string }) {
  return (
    <div className="panel-links">
      <Link className="button button-plain button-small" to="/traces" search={{ service }}>
        Traces
      </Link>
      <Link className="button button-plain button-small" to="/traces" search={{ service, status: "error" }}>
        Failed traces
      </Link>
      <Link className="button button-plain button-small" to="/traffic/$service" params={{ service }}>
        Traffic
      </Link>
      <Link className="button button-plain button-small" to="/events" search={{ service }}>
        Events
      </Link>
    </div>
  );
}

/** The response flags of failed requests, in words. */
function Reasons({ edges }: { edges: readonly Edge[] }) {
  const counts = new Map<string, number>();
  for (const e of edges) for (const [flag, n] of Object.entries(e.flags ?? {})) counts.set(flag, (counts.get(flag) ?? 0) + n);
  if (counts.size === 0) return null;
  return (
    <Part title="Why requests fail">
      <table className="small-table">
        <tbody>
          {[...counts]
            .sort((a, b) => b[1] - a[1])
            .map(([flag, n]) => (
              <tr key={flag}>
                <td>
                  <code>{flag}</code> {flagMeaning(flag)}
                </td>
                <td className="num">{compact(n)}</td>
              </tr>
            ))}
        </tbody>
      </table>
    </Part>
  );
}

function EdgeTable({ edges, name, onSelect }: { edges: readonly Edge[]; name: (e: Edge) => string; onSelect: Props["onSelect"] }) {
  return (
    <table className="small-table">
      <thead>
        <tr>
          <th>Service</th>
          <th className="num">Requests</th>
          <th className="num">Failed</th>
          <th className="num">p99</th>
        </tr>
      </thead>
      <tbody>
        {edges.map((e) => (
          <tr key={e.id}>
            <td>
              <button type="button" className="row-link clip" onClick={() => onSelect(`edge:${e.id}`)}>
                {name(e)}
              </button>
            </td>
            <td className="num">{rate(e.rps)}</td>
            <td className="num">{share(e.errorShare)}</td>
            <td className="num">{ms(e.p99)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
