import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import type { Applied, ChangedResource, Finding } from "../api/config";
import { api, Problem } from "../api/fetch";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { toast } from "../ui/toast";
import { ChangeDiff } from "./ChangeDiff";
import { documentsOf, idOf } from "./documents";
import { Findings } from "./Findings";
import { count } from "./remarks";

interface Props {
  manifest: string;
  version: number | undefined; // that it must find; else it overwrites what somebody else did
  changes: readonly ChangedResource[];
  findings: readonly Finding[];
  onClose: () => void;
  onDone: () => void;
}

/** Says what applying will change, and does it. The control plane checks it once more. */
export function ApplyManifest({ manifest, version, changes, findings, onClose, onDone }: Props) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<readonly Finding[]>([]);
  const [conflict, setConflict] = useState("");
  const apply = async () => {
    setBusy(true);
    try {
      await api<Applied>("config", { method: "POST", yaml: manifest, query: { version } });
      void client.invalidateQueries({ queryKey: ["config"] });
      void client.invalidateQueries({ queryKey: ["events"] });
      toast("The manifest is applied.", "good", { label: "History", run: () => void navigate({ to: "/config", search: { tab: "history" } }) });
      const first = documentsOf(manifest)[0];
      onDone();
      onClose();
      void navigate({ to: "/config", search: { sel: first && idOf(first) } });
    } catch (e) {
      if (e instanceof Problem && e.findings.length > 0) setRefused(e.findings);
      else if (e instanceof Problem && e.status === 409) setConflict(e.message);
      else toast(e instanceof Error ? e.message : String(e), "bad");
    } finally {
      setBusy(false);
    }
  };
  const said = refused.length > 0 ? refused : findings;
  return (
    <Dialog
      wide
      title="Apply this manifest?"
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" busy={busy} disabled={refused.length > 0 || conflict !== ""} onClick={() => void apply()}>
            Apply
          </Button>
        </>
      }
    >
      {refused.length > 0 && <p className="note note-bad">Nothing was applied: {count(refused)}.</p>}
      {conflict && <p className="note note-bad">Nothing was applied, so as not to overwrite what somebody else did: {conflict}</p>}
      {changes.length === 0 ? <p className="muted">Nothing that is shown here differs from what is stored.</p> : <ChangeDiff changes={changes} />}
      {said.length > 0 && <Findings findings={said} />}
      <p className="muted">Every sidecar that it concerns follows within a second. The history keeps how it stood before.</p>
    </Dialog>
  );
}
