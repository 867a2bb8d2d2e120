import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../api/fetch";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { toast } from "../ui/toast";
import { patternFault } from "./token";

const LIVES = [
  { ttl: "15m", words: "15 minutes" },
  { ttl: "1h", words: "1 hour" },
  { ttl: "24h", words: "1 day" },
  { ttl: "168h", words: "7 days" },
] as const;

/** Makes a token, and shows its secret this once. */
export function NewTokenDialog({ onClose }: { onClose: () => void }) {
  const client = useQueryClient();
  const [service, setService] = useState("");
  const [namespace, setNamespace] = useState("");
  const [ttl, setTTL] = useState<string>("1h");
  const [uses, setUses] = useState("");
  const [busy, setBusy] = useState(false);
  const [token, setToken] = useState("");
  const [refused, setRefused] = useState("");
  const fault = patternFault(service) || patternFault(namespace) || (/^\d{0,6}$/.test(uses) ? "" : "Want a whole number of uses, or none for any number.");
  const make = async () => {
    setBusy(true);
    setRefused("");
    try {
      const made = await api<{ token: string }>("tokens", { method: "POST", body: { ttl, uses: Number(uses), service, namespace } });
      setToken(made.token);
      void client.invalidateQueries({ queryKey: ["identity", "tokens"] });
    } catch (e) {
      setRefused(e instanceof Error ? e.message : String(e));
    } finally {
      setBusy(false);
    }
  };
  if (token) return <Secret token={token} onClose={onClose} />;
  return (
    <Dialog
      title="Make a join token"
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" busy={busy} disabled={fault !== ""} onClick={() => void make()}>
            Make it
          </Button>
        </>
      }
    >
      <p>Who has it can let a workload into the mesh. Keep it as narrow and short as will do.</p>
      <label className="field">
        Only for service, or a pattern such as shop-*
        <input className="input" value={service} placeholder="any" onChange={(e) => setService(e.target.value.trim())} />
      </label>
      <label className="field">
        Only for namespace, or a pattern
        <input className="input" value={namespace} placeholder="any but the mesh's own" onChange={(e) => setNamespace(e.target.value.trim())} />
      </label>
      <label className="field">
        Good for
        <select className="select" value={ttl} onChange={(e) => setTTL(e.target.value)}>
          {LIVES.map((l) => (
            <option key={l.ttl} value={l.ttl}>
              {l.words}
            </option>
          ))}
        </select>
      </label>
      <label className="field">
        How many times
        <input className="input" inputMode="numeric" value={uses} placeholder="any number" onChange={(e) => setUses(e.target.value.trim())} />
      </label>
      {(fault || refused) && (
        <p className="note note-bad" role="alert">
          {fault || refused}
        </p>
      )}
    </Dialog>
  );
}

function Secret({ token, onClose }: { token: string; onClose: () => void }) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(token);
      toast("The token is copied.");
    } catch {
      toast("The browser does not let it be copied: mark it and copy it yourself.", "bad");
    }
  };
  return (
    <Dialog
      stay
      title="The join token"
      onClose={onClose}
      actions={
        <>
          <Button onClick={() => void copy()}>Copy</Button>
          <Button look="primary" onClick={onClose}>
            Done
          </Button>
        </>
      }
    >
      <p>It is shown this once: the mesh keeps no secret of it.</p>
      <pre className="token-secret" tabIndex={0} role="region" aria-label="Join token">
        {token}
      </pre>
      <p className="muted">
        Give it to a sidecar as <code>SIGHTLINE_TOKEN</code> or in a file with <code>--token-file</code>.
      </p>
    </Dialog>
  );
}
