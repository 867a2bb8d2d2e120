import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { breakersQuery, sessionQuery } from "../api/queries";
import { allows } from "../api/session";
import { targetName, type Verdict } from "../api/verdict";
import { share, span } from "../format";
import { ReleaseDialog, useBreakerAction } from "../map/VersionTable";
import { Badge, BreakerBadge } from "../ui/Badge";
import { Button } from "../ui/Button";
import { TraceLinks } from "./TraceLinks";

/** The verdicts in force now, and the buttons to release or hold them. */
export function InForce() {
  const breakers = useQuery(breakersQuery);
  const all = breakers.data?.breakers ?? [];
  const [releasing, setReleasing] = useState<Verdict>();
  const now = useNow();
  return (
    <section className="in-force" aria-label="Breakers in force">
      <h2>In force now</h2>
      {all.length === 0 && <p className="muted">{breakers.isPending ? "\u00a0" : breakers.isError ? "The control plane does not answer." : "Every breaker admits."}</p>}
      {all.map((v) => (
        <VerdictCard key={v.id} verdict={v} now={now} onRelease={() => setReleasing(v)} />
      ))}
      {releasing && <ReleaseDialog verdict={releasing} onClose={() => setReleasing(undefined)} />}
    </section>
  );
}

function VerdictCard({ verdict: v, now, onRelease }: { verdict: Verdict; now: number; onRelease: () => void }) {
  const { act, busy } = useBreakerAction(() => undefined);
  const { data: user } = useQuery(sessionQuery);
  const may = allows(user, "operator");
  const name = targetName(v.target);
  return (
    <article className="verdict" data-phase={v.phase}>
      <div className="verdict-words">
        <p>
          <b>{name}</b> <BreakerBadge breaker={v.phase} /> {v.held && <Badge tone="accent" icon="hold">held</Badge>}
        </p>
        <p className="muted">{v.reason}</p>
        <p className="verdict-facts">
          by {v.by} · for {span(now - Date.parse(v.since))} · {v.admit > 0 ? `${share(v.admit)} of its traffic let through` : "no traffic"} · <TraceLinks ids={v.traces} />
        </p>
      </div>
      <div className="verdict-actions">
        {!v.held && (
          <Button small icon="hold" disabled={!may} busy={busy} title="No probing, no automatic release" onClick={() => void act("hold", { id: v.id }, `${name} is held.`)}>
            Hold
          </Button>
        )}
        <Button small disabled={!may} onClick={onRelease}>
          Release
        </Button>
      </div>
    </article>
  );
}

/** The time, each second. */
function useNow(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const t = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(t);
  }, []);
  return now;
}
