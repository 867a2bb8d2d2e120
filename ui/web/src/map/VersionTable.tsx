import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../api/fetch";
import type { Version } from "../api/graph";
import { sessionQuery } from "../api/queries";
import { allows } from "../api/session";
import type { Breakers, Verdict } from "../api/verdict";
import { ms, share } from "../format";
import { BreakerBadge } from "../ui/Badge";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { toast } from "../ui/toast";

interface Props {
  service: string;
  versions: readonly Version[];
  total: number; // requests per second of all versions
  verdicts: readonly Verdict[];
}

/** The versions of a service, their breakers, and the buttons to trip and release them. */
export function VersionTable({ service, versions, total, verdicts }: Props) {
  const [asked, setAsked] = useState<{ version: string; verdict?: Verdict }>();
  const { data: user } = useQuery(sessionQuery);
  const may = allows(user, "operator");
  return (
    <>
      <table className="small-table">
        <thead>
          <tr>
            <th>Version</th>
            <th className="num">Share</th>
            <th className="num">Failed</th>
            <th className="num">p99</th>
            <th>Breaker</th>
            <th>
              <span className="visually-hidden">Action</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {versions.map((v) => {
            const verdict = verdicts.find((d) => d.target.version === v.version && !d.target.instance);
            return (
              <tr key={v.version}>
                <td>{v.version || "–"}</td>
                <td className="num">{share(total > 0 ? v.rps / total : 0)}</td>
                <td className="num">{share(v.errorShare)}</td>
                <td className="num">{ms(v.p99)}</td>
                <td>
                  <BreakerBadge breaker={verdict?.phase ?? v.breaker} />
                </td>
                <td className="num">
                  {v.version && (
                    <Button
                      small
                      look={verdict ? "plain" : "danger"}
                      disabled={!may}
                      title={may ? undefined : "Needs the role operator"}
                      onClick={() => setAsked({ version: v.version, verdict })}
                    >
                      {verdict ? "Release" : "Trip"}
                    </Button>
                  )}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
      {asked && (asked.verdict ? <ReleaseDialog verdict={asked.verdict} onClose={() => setAsked(undefined)} /> : <TripDialog service={service} version={asked.version} onClose={() => setAsked(undefined)} />)}
    </>
  );
}

/** Sends a change of breakers and says how it went. */
export function useBreakerAction(done: () => void) {
  const client = useQueryClient();
  const [busy, setBusy] = useState(false);
  async function act(path: string, body: object, success: string) {
    setBusy(true);
    try {
      const now = await api<Breakers>(`breakers/${path}`, { method: "POST", body });
      client.setQueryData(["breakers"], now);
      for (const key of ["service", "events"]) void client.invalidateQueries({ queryKey: [key] });
      toast(success);
      done();
    } catch (e) {
      toast(e instanceof Error ? e.message : String(e), "bad");
    } finally {
      setBusy(false);
    }
  }
  return { act, busy };
}

function TripDialog({ service, version, onClose }: { service: string; version: string; onClose: () => void }) {
  const [reason, setReason] = useState("");
  const { act, busy } = useBreakerAction(onClose);
  const submit = () => void act("trip", { service, version, reason: reason.trim() }, `${service}:${version} is tripped.`);
  return (
    <Dialog
      title={`Trip ${service}:${version}?`}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="danger" icon="trip" busy={busy} disabled={reason.trim() === ""} onClick={submit}>
            Trip
          </Button>
        </>
      }
    >
      <p className="muted">Within a second, every sidecar stops sending requests to this version. The other versions take its share. You can release it at any time.</p>
      <label className="field">
        Reason, for the timeline
        <input className="input" autoFocus value={reason} maxLength={400} onChange={(e) => setReason(e.target.value)} onKeyDown={(e) => e.key === "Enter" && reason.trim() && submit()} />
      </label>
    </Dialog>
  );
}

export function ReleaseDialog({ verdict, onClose }: { verdict: Verdict; onClose: () => void }) {
  const { act, busy } = useBreakerAction(onClose);
  const name = `${verdict.target.service}:${verdict.target.version ?? ""}`;
  return (
    <Dialog
      title={`Release ${name}?`}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" busy={busy} onClick={() => void act("release", { id: verdict.id }, `${name} is released.`)}>
            Release
          </Button>
        </>
      }
    >
      <p className="muted">It gets its usual share of traffic again at once. It was tripped because: {verdict.reason}</p>
    </Dialog>
  );
}
