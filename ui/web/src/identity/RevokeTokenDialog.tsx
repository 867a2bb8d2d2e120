import type { JoinToken } from "../api/identity";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { isOwn, scopeOf } from "./token";
import { useRevoke } from "./useRevoke";

/** Ends a token: nobody new comes in with it. */
export function RevokeTokenDialog({ token: t, onClose }: { token: JoinToken; onClose: () => void }) {
  const { revoke, busy } = useRevoke(onClose);
  const submit = () => void revoke(`tokens/${encodeURIComponent(t.id)}`, { method: "DELETE" }, `Token ${t.id} is revoked.`);
  return (
    <Dialog
      title={`Revoke token ${t.id}?`}
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
      <p>
        It lets in {scopeOf(t)}, and has been used {t.used === 1 ? "once" : `${t.used} times`}. Who came in with it keeps the certificate and its renewals; nobody new does. This cannot be undone.
      </p>
      {isOwn(t) && <p className="note note-warn">The mesh's own parts come in with it: the collector and others that start anew are turned away then.</p>}
    </Dialog>
  );
}
