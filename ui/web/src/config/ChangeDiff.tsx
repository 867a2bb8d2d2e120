import { useMemo } from "react";
import type { ChangedResource } from "../api/config";
import { diff, hunks } from "../traffic/diff";
import { Badge } from "../ui/Badge";
import { comparable } from "./documents";
import "../traffic/diff.css";

const tones = { made: "good", changed: "accent", deleted: "bad" } as const;

/** What a change does to resources, one after the other. */
export function ChangeDiff({ changes }: { changes: readonly ChangedResource[] }) {
  return (
    <div className="change-diffs">
      {changes.map((c) => (
        <One key={`${c.kind}/${c.namespace}/${c.name}`} change={c} />
      ))}
    </div>
  );
}

/** Both sides of a change, in one style where they are in two. */
function sides(c: ChangedResource): [string, string] {
  return [comparable(c.before ?? ""), comparable(c.after ?? "")];
}

function One({ change: c }: { change: ChangedResource }) {
  const lines = useMemo(() => hunks(diff(...sides(c))), [c.before, c.after]);
  return (
    <figure className="change-diff">
      <figcaption>
        <Badge tone={tones[c.how]}>{c.how}</Badge> <b>{c.name}</b>
        <span className="muted">
          {c.kind}, {c.namespace}
        </span>
      </figcaption>
      <pre className="diff" tabIndex={0} role="region" aria-label={`Change of ${c.kind} ${c.namespace}/${c.name}`}>
        {lines.map((l, i) =>
          typeof l === "number" ? (
            <span key={i} className="diff-line diff-left">
              … {l} line{l > 1 ? "s" : ""} the same
            </span>
          ) : (
            <span key={i} className="diff-line" data-sign={l.sign}>
              <i aria-label={l.sign === "+" ? "added" : l.sign === "-" ? "removed" : undefined}>{l.sign}</i>
              {l.text}
            </span>
          ),
        )}
      </pre>
    </figure>
  );
}
