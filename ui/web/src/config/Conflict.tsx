import type { ChangedResource, Resource } from "../api/config";
import { fullTime } from "../format";
import { ChangeDiff } from "./ChangeDiff";
import type { Draft } from "./draft";

interface Props {
  from: Draft["from"]; // what the text began as
  now: Resource | undefined; // what is there; nothing if it was deleted
  changes: readonly ChangedResource[]; // that the text makes of it
}

/** What somebody else did while a manifest was being written, beside what it would do now. */
export function Conflict({ from, now, changes }: Props) {
  const [kind = "", key = ""] = from?.id.split(" ") ?? [];
  const [namespace = "", name = ""] = key.split("/");
  const theirs: ChangedResource = { kind, namespace, name, how: now ? "changed" : "deleted", before: from?.manifest ?? "", after: now?.manifest ?? "" };
  return (
    <>
      <p className="note note-bad" role="alert">
        Nothing was applied. {now ? `${now.by || "Somebody"} changed ${name} at ${fullTime(now.changed)}` : `Somebody deleted ${name}`}, while you were writing. Your text is kept.
      </p>
      {from?.manifest !== undefined && (
        <section aria-label="What the other change did">
          <h3>What the other change did</h3>
          <ChangeDiff changes={[theirs]} />
        </section>
      )}
      <section aria-label="What yours would do now">
        <h3>What yours would do now</h3>
        {changes.length === 0 ? <p className="muted">Nothing: it says the same.</p> : <ChangeDiff changes={changes} />}
      </section>
    </>
  );
}
