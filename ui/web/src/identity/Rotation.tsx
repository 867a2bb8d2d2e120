import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../api/fetch";
import type { Authority } from "../api/identity";
import { sessionQuery } from "../api/queries";
import { allows } from "../api/session";
import { fullTime, span } from "../format";
import { Badge } from "../ui/Badge";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { toast } from "../ui/toast";
import { PHASES, phaseWords } from "./urgency";

/** Where a rotation of the root is, whom it waits for, and its next step. */
export function Rotation({ authority: a }: { authority: Authority }) {
  const client = useQueryClient();
  const [asking, setAsking] = useState<"step" | "abandon">();
  const [busy, setBusy] = useState(false);
  const { data: user } = useQuery(sessionQuery);
  const may = allows(user, "admin");
  const lagging = a.lagging?.length ?? 0;
  const outstanding = a.outstanding?.length ?? 0;
  const go = async (abandon: boolean) => {
    setBusy(true);
    try {
      const now = await api<Authority>("ca/rotate", { method: "POST", body: abandon ? { abandon } : {} });
      client.setQueryData(["identity", "authority"], now);
      void client.invalidateQueries({ queryKey: ["identity"] });
      toast(phaseWords[now.phase]);
    } catch (e) {
      toast(e instanceof Error ? e.message : String(e), "bad");
    } finally {
      setBusy(false);
      setAsking(undefined);
    }
  };
  return (
    <section className="rotation" aria-label="Rotation">
      <div>
        <ol className="phases" aria-label="Phases of a rotation">
          {PHASES.map((p) => (
            <li key={p} aria-current={a.phase === p ? "step" : undefined}>
              {p}
            </li>
          ))}
        </ol>
        <p>
          {phaseWords[a.phase]} {a.since && a.phase !== "steady" && <span className="muted" title={fullTime(a.since)}>For {span(Date.now() - Date.parse(a.since))}.</span>}
        </p>
        <p className="muted">Next: {a.next}.</p>
        <p className="rotation-waits">
          {lagging > 0 && <Badge tone="warn" icon="warn">{lagging} do not trust every root yet</Badge>}
          {(a.old ?? 0) > 0 && <Badge tone="warn" icon="warn">{a.old} still with a certificate of the former root</Badge>}
          {a.phase === "renew" && outstanding > 0 && <Badge tone="warn">{outstanding} certificates of the former root not replaced yet</Badge>}
          {a.returning && <Badge tone="warn" icon="warn">a control plane has just started: not all may be back</Badge>}
        </p>
      </div>
      <div className="rotation-acts">
        {!may && <span className="muted">Rotating needs the role admin.</span>}
        {a.phase === "distribute" && (
          <Button disabled={!may} onClick={() => setAsking("abandon")}>
            Abandon…
          </Button>
        )}
        <Button disabled={!may} onClick={() => setAsking("step")}>
          {a.phase === "steady" ? "Rotate the root…" : "Next step…"}
        </Button>
      </div>
      {asking && (
        <Dialog
          title={asking === "abandon" ? "Abandon the rotation?" : a.phase === "steady" ? "Begin to rotate the root?" : "Go on with the rotation?"}
          onClose={() => setAsking(undefined)}
          actions={
            <>
              <Button onClick={() => setAsking(undefined)}>Cancel</Button>
              <Button look={asking === "abandon" ? "danger" : "primary"} busy={busy} onClick={() => void go(asking === "abandon")}>
                {asking === "abandon" ? "Abandon" : "Go on"}
              </Button>
            </>
          }
        >
          <p>{asking === "abandon" ? "The next root is forgotten, and the present one stays." : `This will ${a.next}.`}</p>
          <p className="muted">Requests go on. A step that somebody is not ready for is refused, and says who.</p>
        </Dialog>
      )}
    </section>
  );
}
