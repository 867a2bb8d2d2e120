import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { Replay, ReplayChange } from "../api/config";
import { api } from "../api/fetch";
import { compact, share } from "../format";
import { Button } from "../ui/Button";
import { ErrorState } from "../ui/State";

/** What a manifest would have done to the requests of the last hour, on demand: it takes some seconds. */
export function ReplayView({ manifest }: { manifest: string }) {
  const replay = useMutation({
    mutationFn: () => api<Replay>("config/replay", { method: "POST", yaml: manifest, query: { start: new Date(Date.now() - 3_600_000).toISOString() } }),
  });
  return (
    <section className="editor-card" aria-label="Replay">
      <header className="card-head">
        <h2>Replay</h2>
        <Button small icon="reset" busy={replay.isPending} onClick={() => replay.mutate()}>
          {replay.isPending ? "Replaying…" : replay.data ? "Again" : "Last hour"}
        </Button>
      </header>
      {replay.isIdle && <p className="card-text muted">Decides the requests recorded in the last hour anew, by this manifest, and says which would have gone otherwise.</p>}
      {replay.isPending && <p className="card-text muted" role="status">The sidecars' own code decides each request again; half a minute at most.</p>}
      {replay.isError && <ErrorState error={replay.error} retry={() => replay.mutate()} />}
      {replay.data && <Outcome of={replay.data} />}
    </section>
  );
}

function Outcome({ of: r }: { of: Replay }) {
  const changes = r.changes ?? [];
  const part = r.requests > 0 ? ` (${share(r.changed / r.requests)})` : "";
  return (
    <div className="replay">
      <p>
        <b>{r.requests === 0 ? "No request was recorded." : r.changed === 0 ? "No request would have gone otherwise." : `${compact(r.changed)} of ${compact(r.requests)} requests${part} would have gone otherwise.`}</b>
      </p>
      <p className="muted">
        {compact(r.unaffected)} not touched · {compact(r.same)} decided alike · {compact(r.cannotTell)} not to be told
        {r.notRecorded && r.notRecorded.length > 0 && ` (nobody records ${r.notRecorded.join(", ")})`}
      </p>
      {r.partial && <p className="note note-warn">Not all: {r.partial}</p>}
      {changes.length > 0 && (
        <ul className="replay-changes" aria-label="Requests that would have gone otherwise">
          {changes.map((c, i) => (
            <Line key={i} change={c} />
          ))}
        </ul>
      )}
    </div>
  );
}

function Line({ change: c }: { change: ReplayChange }) {
  return (
    <li>
      <p>
        <b>{compact(c.requests)}</b> {c.caller || "unknown"} → {c.service} <span className="badge">{c.what}</span>
      </p>
      <p className="muted">
        {c.was} → {c.becomes}
        {c.route && <span className="faint"> · {c.route}</span>}
        {(c.traces ?? []).slice(0, 3).map((t) => (
          <Link key={t} to="/traces/$id" params={{ id: t }} className="link replay-trace">
            {t.slice(0, 8)}
          </Link>
        ))}
      </p>
    </li>
  );
}
