import { useState } from "react";
import type { Holder } from "../api/identity";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { useRevoke } from "./useRevoke";

/** Takes back one certificate, or all that an identity has so far, with the reason. */
export function RevokeDialog({ holder: h, onClose }: { holder: Holder; onClose: () => void }) {
  const [reason, setReason] = useState("");
  const [whole, setWhole] = useState(false);
  const { revoke, busy } = useRevoke(onClose);
  const submit = () =>
    void revoke(
      "ca/revoke",
      { method: "POST", body: { what: whole ? h.identity : h.serial, reason } },
      whole ? `Every certificate of ${h.identity} is revoked.` : `The certificate of ${h.instance} is revoked.`,
    );
  return (
    <Dialog
      title={`Revoke the certificate of ${h.instance}?`}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="danger" busy={busy} onClick={submit}>
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
