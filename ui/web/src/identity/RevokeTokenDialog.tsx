import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../api/fetch";
import type { JoinToken } from "../api/identity";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { toast } from "../ui/toast";
import { isOwn, scopeOf } from "./token";

/** Ends a token: nobody new comes in with it. */
export function RevokeTokenDialog({ token: t, onClose }: { token: JoinToken; onClose: () => void }) {
  const client = useQueryClient();
  const [busy, setBusy] = useState(false);
  const revoke = async () => {
    setBusy(true);
    try {
      await api<undefined>(`tokens/${encodeURIComponent(t.id)}`, { method: "DELETE" });
      void client.invalidateQueries({ queryKey: ["identity"] });
      void client.invalidateQueries({ queryKey: ["events"] });
      toast(`Token ${t.id} is revoked.`);
      onClose();
    } catch (e) {
      toast(e instanceof Error ? e.message : String(e), "bad");
      setBusy(false);
    }
  };
  return (
    <Dialog
      title={`Revoke token ${t.id}?`}
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
      <p>
        It lets in {scopeOf(t)}, and has been used {t.used === 1 ? "once" : `${t.used} times`}. Who came in with it keeps the certificate and its renewals; nobody new does. This cannot be undone.
      </p>
      {isOwn(t) && <p className="note note-warn">The mesh's own parts come in with it: the collector and others that start anew are turned away then.</p>}
    </Dialog>
  );
}
