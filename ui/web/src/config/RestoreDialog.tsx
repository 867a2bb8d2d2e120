import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { Finding, Restoration } from "../api/config";
import { api, Problem } from "../api/fetch";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { ErrorState, Skeleton } from "../ui/State";
import { toast } from "../ui/toast";
import { ChangeDiff } from "./ChangeDiff";
import { Findings } from "./Findings";
import { worst } from "./remarks";

/** Says what going back to after a change would do, and does it. */
export function RestoreDialog({ to, onClose }: { to: number; onClose: () => void }) {
  const client = useQueryClient();
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<readonly Finding[]>([]);
  const plan = useQuery({
    queryKey: ["config", "restore", to],
    queryFn: ({ signal }) => api<Restoration>(`config/history/${to}/restore`, { method: "POST", query: { dryRun: "true" }, signal }),
    gcTime: 0,
  });
  const findings = refused.length > 0 ? refused : (plan.data?.findings ?? []);
  const nothing = plan.data?.changes.length === 0;
  const restore = async () => {
    setBusy(true);
    try {
      const done = await api<Restoration>(`config/history/${to}/restore`, { method: "POST" });
      const n = done.changes.length;
      toast(`The configuration is back at ${to === 0 ? "its beginning" : `change ${to}`}: ${n} resource${n === 1 ? "" : "s"}.`);
      void client.invalidateQueries({ queryKey: ["config"] });
      void client.invalidateQueries({ queryKey: ["events"] });
      onClose();
    } catch (e) {
      if (e instanceof Problem && e.findings.length > 0) setRefused(e.findings);
      else toast(e instanceof Error ? e.message : String(e), "bad");
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog
      wide
      title={to === 0 ? "Restore to before the first change?" : `Restore to change ${to}?`}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" busy={busy} disabled={!plan.data || nothing || worst(findings) === "error"} onClick={() => void restore()}>
            Restore
          </Button>
        </>
      }
    >
      {plan.isPending && <Skeleton rows={5} label="What would change is being worked out" />}
      {plan.isError && <ErrorState error={plan.error} retry={() => void plan.refetch()} />}
      {plan.data && (
        <>
          <p className="muted">
            {nothing ? "Nothing would change: so it stands now." : "All of the configuration goes back to how it stood then, what others changed since with it. Every sidecar follows within a second, and the return is a change of its own that can be restored from."}
          </p>
          <ChangeDiff changes={plan.data.changes} />
          {findings.length > 0 && <Findings findings={findings} />}
        </>
      )}
    </Dialog>
  );
}
