import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import type { Finding, Resource } from "../api/config";
import { findingsQuery, resourcesQuery } from "../api/queries";
import { fullTime, time } from "../format";
import { TableScroll } from "../status/TableScroll";
import { Badge } from "../ui/Badge";
import { Icon } from "../ui/Icon";
import { ErrorState, Skeleton, State } from "../ui/State";
import { idOf } from "./documents";
import { find, ofResource, standing } from "./remarks";
import { ResourceView } from "./ResourceView";

const route = getRouteApi("/config");

/** The stored resources, and the selected one beside them. */
export function Resources() {
  const { sel, kind, find: words = "" } = route.useSearch();
  const navigate = route.useNavigate();
  const resources = useQuery(resourcesQuery);
  const analysis = useQuery(findingsQuery);
  const all = resources.data?.resources ?? [];
  if (resources.isPending) return <Skeleton rows={10} label="Resources are loading" />;
  if (resources.isError) return <ErrorState error={resources.error} retry={() => void resources.refetch()} />;
  if (all.length === 0) return <Nothing />;
  const findings = analysis.data?.findings ?? [];
  const shown = find(all, kind, words);
  const selected = all.find((r) => idOf(r) === sel);
  const set = (next: { kind?: string; find?: string }) => void navigate({ search: (now) => ({ ...now, ...next }), replace: true });
  return (
    <div className="config" data-selected={sel ? true : undefined}>
      <section className="config-list" aria-label="Resources">
        <div className="config-filters" role="search">
          <label className="search">
            <Icon name="search" />
            <input className="input" data-search placeholder="Kind, name, namespace, any text of it" aria-label="Find resources" value={words} onChange={(e) => set({ find: e.target.value || undefined })} />
            <kbd aria-hidden="true">/</kbd>
          </label>
          <div className="chips" role="group" aria-label="Kind">
            <button type="button" className="chip" aria-pressed={!kind} onClick={() => set({ kind: undefined })}>
              All
            </button>
            {[...new Set(all.map((r) => r.kind))].sort().map((k) => (
              <button key={k} type="button" className="chip" aria-pressed={kind === k} onClick={() => set({ kind: k })}>
                {k}
              </button>
            ))}
          </div>
        </div>
        {analysis.isError && <p className="note note-warn">What there is to say about them is not known: {analysis.error.message}</p>}
        {shown.length === 0 ? <State icon="search" title="No resource fits">Nothing has these words in its kind, name, namespace or manifest.</State> : <Table all={shown} findings={findings} known={analysis.isSuccess} sel={sel} />}
      </section>
      {sel && (selected ? <ResourceView key={sel} resource={selected} /> : <section className="config-view"><State icon="search" title="Not here" action={<Link to="/config" className="button button-plain">All resources</Link>}>{sel} is not stored, or not any more. Its changes are in the history.</State></section>)}
    </div>
  );
}

function Nothing() {
  return (
    <State icon="config" title="Nothing is configured" action={<Link to="/config" search={{ tab: "edit" }} className="button button-primary">Write a manifest</Link>}>
      The default routing is in force. Paste a manifest, or apply one with <code>sightline apply -f FILE</code>
    </State>
  );
}

function Table({ all, findings, known, sel }: { all: Resource[]; findings: Finding[]; known: boolean; sel: string | undefined }) {
  return (
    <TableScroll label="Stored resources">
      <thead>
        <tr>
          <th>Name</th>
          <th>Status</th>
          <th>Kind</th>
          <th>Changed</th>
        </tr>
      </thead>
      <tbody>
        {all.map((r) => {
          const s = standing(r, ofResource(findings, r));
          return (
            <tr key={idOf(r)} data-on={sel === idOf(r) || undefined}>
              <td>
                <Link to="/config" search={(now) => ({ ...now, sel: idOf(r) })} className="config-name">
                  <b>{r.name}</b> <span className="faint">{r.namespace}</span>
                </Link>
              </td>
              <td>{known ? <Badge tone={s.tone} icon={s.icon}>{s.words}</Badge> : <span className="faint">…</span>}</td>
              <td>{r.kind}</td>
              <td title={fullTime(r.changed)}>
                {time(r.changed)} <span className="faint">by {r.by || "nobody known"}</span>
              </td>
            </tr>
          );
        })}
      </tbody>
    </TableScroll>
  );
}
