import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { AuthorityCertificate, Holder } from "../api/identity";
import { holdersQuery, sessionQuery } from "../api/queries";
import { allows } from "../api/session";
import { fullTime } from "../format";
import { TableScroll } from "../status/TableScroll";
import { Badge } from "../ui/Badge";
import { Button } from "../ui/Button";
import { ErrorState, Skeleton, State } from "../ui/State";
import { RevokeDialog } from "./RevokeDialog";
import { lifeLeft, short } from "./urgency";

/** Each workload's certificate, the most urgent first. */
export function HolderTable({ roots }: { roots: readonly AuthorityCertificate[] }) {
  const holders = useQuery(holdersQuery);
  const [revoking, setRevoking] = useState<Holder>();
  const { data: user } = useQuery(sessionQuery);
  const all = holders.data?.holders ?? [];
  const silent = holders.data?.silent ?? [];
  return (
    <section aria-label="Workloads">
      <h2 className="table-title">
        Workloads <span className="faint">who is connected with which certificate, the most urgent first</span>
      </h2>
      {holders.isPending && <Skeleton rows={6} label="Holders of certificates are loading" />}
      {holders.isError && <ErrorState error={holders.error} retry={() => void holders.refetch()} />}
      {silent.length > 0 && <p className="note note-warn">Not all: {silent.join(", ")} did not answer.</p>}
      {holders.isSuccess && all.length === 0 && (
        <State icon="lock" title="Nobody holds a certificate yet">
          A workload gets one when its sidecar enrols with a join token: <code>sightline token create</code>
        </State>
      )}
      {all.length > 0 && (
        <TableScroll label="Certificates of workloads">
          <thead>
            <tr>
              <th>Instance</th>
              <th>Certificate</th>
              <th>Renewals</th>
              <th>By root</th>
              <th>Identity</th>
              <th>Serial</th>
              <th>
                <span className="visually-hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {all.map((h) => (
              <Row key={`${h.identity} ${h.instance} ${h.serial}`} of={h} root={roots.find((r) => r.fingerprint === h.root)} may={allows(user, "admin")} onRevoke={() => setRevoking(h)} />
            ))}
          </tbody>
        </TableScroll>
      )}
      {(holders.data?.left ?? 0) > 0 && <p className="identity-left muted">and {holders.data?.left} more, whose certificates are good for longer</p>}
      {revoking && <RevokeDialog holder={revoking} onClose={() => setRevoking(undefined)} />}
    </section>
  );
}

function Row({ of: h, root, may, onRevoke }: { of: Holder; root: AuthorityCertificate | undefined; may: boolean; onRevoke: () => void }) {
  const life = lifeLeft(h, Date.now());
  return (
    <tr>
      <td>
        <b>{h.instance}</b>
      </td>
      <td title={fullTime(h.expires)}>
        <Badge tone={life.tone} icon={life.icon}>
          {life.words}
        </Badge>
      </td>
      <td className="wrap">
        {h.failures ? (
          <>
            <Badge tone="bad" icon="fail">{`${h.failures} failed in a row`}</Badge>
            {h.failure && <div className="muted">{h.failure}</div>}
          </>
        ) : (
          <span className="muted">well</span>
        )}
      </td>
      <td>
        {h.root ? (
          <>
            <code title={h.root}>{short(h.root)}…</code> {root?.role && root.role !== "active" && <Badge tone="warn">{root.role === "retiring" ? "retires" : "comes"}</Badge>}
          </>
        ) : (
          <span className="muted">{h.signer ? "another authority's" : "not reported"}</span>
        )}
      </td>
      <td className="muted">{h.identity}</td>
      <td className="clip identity-serial" title={h.serial}>
        <code>{h.serial}</code>
      </td>
      <td>
        <Button small look="quiet" disabled={!may || !h.serial} title={may ? undefined : "Revoking needs the role admin."} aria-label={`Revoke the certificate of ${h.instance}`} onClick={onRevoke}>
          Revoke…
        </Button>
      </td>
    </tr>
  );
}
