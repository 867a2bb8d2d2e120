import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { Resource, RouteParentStatus } from "../api/config";
import { analyzeQuery } from "../api/queries";
import { fullTime, time } from "../format";
import { Badge } from "../ui/Badge";
import { Icon } from "../ui/Icon";
import { idOf } from "./documents";
import { draft } from "./draft";
import { Findings } from "./Findings";
import { Manifest } from "./Manifest";
import { ofResource, standing } from "./remarks";

/** One stored resource: how it stands, its manifest, and what is said of which line. */
export function ResourceView({ resource: r }: { resource: Resource }) {
  const [line, setLine] = useState<number>();
  // As if it were applied again: that has the lines, and the mesh of now.
  const analysis = useQuery(analyzeQuery(r.manifest));
  const findings = ofResource(analysis.data?.findings ?? [], r);
  const s = standing(r, findings);
  return (
    <section className="config-view" aria-label={idOf(r)}>
      <header className="config-head">
        <Link to="/config" search={(now) => ({ ...now, sel: undefined })} className="button button-quiet button-icon" aria-label="Close">
          <Icon name="close" />
        </Link>
        <div>
          <h2>
            {r.name} <span className="faint">{r.kind}</span>
          </h2>
          <p className="muted">
            {r.namespace} · version {r.version} · <span title={fullTime(r.changed)}>{time(r.changed)}</span> by {r.by || "nobody known"}
          </p>
        </div>
        <Link to="/config" search={{ tab: "edit" }} className="button button-plain" onClick={() => draft.begin({ text: r.manifest, from: { id: idOf(r), version: r.version, manifest: r.manifest } })}>
          Edit…
        </Link>
      </header>
      <p className="config-status">
        {analysis.isPending ? <span className="muted">Looking at it…</span> : <Badge tone={s.tone} icon={s.icon}>{s.words}</Badge>}
        {analysis.isError && <span className="muted">What there is to say about it is not known: {analysis.error.message}</span>}
      </p>
      <Conditions parents={r.status?.parents ?? []} />
      {findings.length > 0 && <Findings findings={findings} onLine={setLine} />}
      <Manifest text={r.manifest} findings={findings} line={line} />
    </section>
  );
}

/** How a route of Gateway API stands with each of its parents. */
function Conditions({ parents }: { parents: RouteParentStatus[] }) {
  if (parents.length === 0) return null;
  return (
    <ul className="conditions" aria-label="Conditions">
      {parents.flatMap((p, i) =>
        (p.conditions ?? []).map((c) => (
          <li key={`${i} ${c.type}`}>
            <Badge tone={c.status === "True" ? "good" : "bad"} icon={c.status === "True" ? "check" : "fail"}>
              {c.type}: {c.reason}
            </Badge>
            <span className="muted">
              {p.parentRef.kind} {p.parentRef.namespace}/{p.parentRef.name}
              {p.parentRef.port ? `:${p.parentRef.port}` : ""}
              {c.status !== "True" && c.message && ` · ${c.message}`}
            </span>
          </li>
        )),
      )}
    </ul>
  );
}
