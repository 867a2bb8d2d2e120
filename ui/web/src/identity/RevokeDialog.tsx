import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../api/fetch";
import type { Holder, Revocation } from "../api/identity";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { toast } from "../ui/toast";

/** Takes back one certificate, or all that an identity has so far, with the reason. */
export function RevokeDialog({ holder: h, onClose }: { holder: Holder; onClose: () => void }) {
  const client = useQueryClient();
  const [reason, setReason] = useState("");
  const [whole, setWhole] = useState(false);
  const [busy, setBusy] = useState(false);
  const revoke = async () => {
    setBusy(true);
    try {
      await api<Revocation>("ca/revoke", { method: "POST", body: { what: whole ? h.identity : h.serial, reason } });
      void client.invalidateQueries({ queryKey: ["identity"] });
      void client.invalidateQueries({ queryKey: ["events"] });
      toast(whole ? `Every certificate of ${h.identity} is revoked.` : `The certificate of ${h.instance} is revoked.`);
      onClose();
    } catch (e) {
      toast(e instanceof Error ? e.message : String(e), "bad");
      setBusy(false);
    }
  };
  return (
    <Dialog
      title={`Revoke the certificate of ${h.instance}?`}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="danger" busy={busy} onClick={() => void revoke()}>
            Revoke
          </Button>
        </>
      }
    >
      <p>Sidecars and the control plane refuse it at once and end its connections. It is not renewed: the workload has to enrol again with a join token. This cannot be undone.</p>
      <label className="revoke-whole">
        <input type="checkbox" checked={whole} onChange={(e) => setWhole(e.target.checked)} /> Every certificate of {h.identity}, which others may share
      </label>
      <label className="field">
        Reason, for the timeline
        <input className="input" value={reason} maxLength={200} onChange={(e) => setReason(e.target.value)} />
      </label>
    </Dialog>
  );
}
