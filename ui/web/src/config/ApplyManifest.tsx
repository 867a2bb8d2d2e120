import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import type { Applied, ChangedResource, Finding, Resource } from "../api/config";
import { api, Problem } from "../api/fetch";
import { resourcesQuery } from "../api/queries";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { toast } from "../ui/toast";
import { ChangeDiff } from "./ChangeDiff";
import { Conflict } from "./Conflict";
import { documentsOf, idOf, versionOf } from "./documents";
import type { Draft } from "./draft";
import { Findings } from "./Findings";
import { count } from "./remarks";

interface Props {
  manifest: string;
  from: Draft["from"]; // what it began as, and must find; else it overwrites what somebody else did
  changes: readonly ChangedResource[];
  findings: readonly Finding[];
  onClose: () => void;
  onDone: () => void;
  onRebase: (from: Draft["from"]) => void; // to go on writing, from what is there now
}

/** Says what applying will change, and does it. The control plane checks it once more. */
export function ApplyManifest({ manifest, from, changes, findings, onClose, onDone, onRebase }: Props) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<readonly Finding[]>([]);
  const [conflict, setConflict] = useState<{ now: Resource | undefined }>();
  const apply = async (version: number | undefined) => {
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
      else if (e instanceof Problem && e.status === 409 && version !== undefined) await look(e);
      else toast(e instanceof Error ? e.message : String(e), "bad");
    } finally {
      setBusy(false);
    }
  };
  // What is there now; the changes that are shown follow it.
  const look = async (refusal: Problem) => {
    try {
      const { resources } = await client.fetchQuery({ ...resourcesQuery, staleTime: 0 });
      setConflict({ now: resources.find((r) => idOf(r) === from?.id) });
    } catch {
      toast(refusal.message, "bad");
    }
  };
  const back = (now: Resource | undefined) => {
    onRebase(now && { id: idOf(now), version: now.version, manifest: now.manifest });
    onClose();
  };
  if (conflict) {
    return (
      <Dialog
        wide
        title="Somebody else was quicker"
        onClose={onClose}
        actions={
          <>
            <Button onClick={() => back(conflict.now)}>Back to my text</Button>
            <Button look="danger" busy={busy} onClick={() => void apply(conflict.now?.version)}>
              Put mine in its place
            </Button>
          </>
        }
      >
        <Conflict from={from} now={conflict.now} changes={changes} />
      </Dialog>
    );
  }
  const said = refused.length > 0 ? refused : findings;
  return (
    <Dialog
      wide
      title="Apply this manifest?"
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" busy={busy} disabled={refused.length > 0} onClick={() => void apply(versionOf(manifest, from))}>
            Apply
          </Button>
        </>
      }
    >
      {refused.length > 0 && <p className="note note-bad">Nothing was applied: {count(refused)}.</p>}
      {changes.length === 0 ? <p className="muted">Nothing that is shown here differs from what is stored.</p> : <ChangeDiff changes={changes} />}
      {said.length > 0 && <Findings findings={said} />}
      <p className="muted">Every sidecar that it concerns follows within a second. The history keeps how it stood before.</p>
    </Dialog>
  );
}
