import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { JoinToken } from "../api/identity";
import { sessionQuery, tokensQuery } from "../api/queries";
import { allows } from "../api/session";
import { fullTime, span } from "../format";
import { TableScroll } from "../status/TableScroll";
import { Badge } from "../ui/Badge";
import { Button } from "../ui/Button";
import { ErrorState, Skeleton } from "../ui/State";
import { NewTokenDialog } from "./NewTokenDialog";
import { RevokeTokenDialog } from "./RevokeTokenDialog";
import { scopeOf, standingOf, usesLeft } from "./token";

/** The tokens that let workloads in, the newest first. Their secrets are kept nowhere. */
export function TokenTable() {
  const { data: user } = useQuery(sessionQuery);
  const may = allows(user, "admin");
  const tokens = useQuery({ ...tokensQuery, enabled: may });
  const [making, setMaking] = useState(false);
  const [ending, setEnding] = useState<JoinToken>();
  const all = tokens.data?.tokens ?? [];
  return (
    <section aria-label="Join tokens">
      <h2 className="table-title token-title">
        <span>
          Join tokens <span className="faint">they let workloads into the mesh</span>
        </span>
        <Button small disabled={!may} title={may ? undefined : "Making one needs the role admin."} onClick={() => setMaking(true)}>
          New token…
        </Button>
      </h2>
      {user && !may && <p className="identity-none muted">Seeing join tokens needs the role admin.</p>}
      {may && tokens.isPending && <Skeleton rows={3} label="Join tokens are loading" />}
      {tokens.isError && <ErrorState error={tokens.error} retry={() => void tokens.refetch()} />}
      {tokens.isSuccess && all.length === 0 && <p className="identity-none muted">There is none: nobody new can come in.</p>}
      {all.length > 0 && (
        <TableScroll label="Join tokens and whom they let in">
          <thead>
            <tr>
              <th>Token</th>
              <th>State</th>
              <th>Lets in</th>
              <th className="num">Used</th>
              <th className="num">Uses left</th>
              <th className="num">Expires</th>
              <th>By</th>
              <th>
                <span className="visually-hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {all.map((t) => (
              <Row key={t.id} token={t} onRevoke={() => setEnding(t)} />
            ))}
          </tbody>
        </TableScroll>
      )}
      {making && <NewTokenDialog onClose={() => setMaking(false)} />}
      {ending && <RevokeTokenDialog token={ending} onClose={() => setEnding(undefined)} />}
    </section>
  );
}

function Row({ token: t, onRevoke }: { token: JoinToken; onRevoke: () => void }) {
  const s = standingOf(t);
  const left = Date.parse(t.expires) - Date.now();
  return (
    <tr>
      <td>
        <code title={t.created && `made ${fullTime(t.created)}`}>{t.id}</code>
      </td>
      <td>
        <Badge tone={s.tone} icon={s.icon}>
          {t.state}
        </Badge>
        {t.oldRoot && <div className="muted">of a root that does not sign</div>}
      </td>
      <td className="wrap">{scopeOf(t)}</td>
      <td className="num">{t.used}</td>
      <td className="num">{usesLeft(t)}</td>
      <td className="num" title={fullTime(t.expires)}>
        {left > 0 ? `in ${span(left)}` : `${span(-left)} ago`}
      </td>
      <td>{t.by || "nobody known"}</td>
      <td>
        <Button small look="quiet" aria-label={`Revoke token ${t.id}`} onClick={onRevoke}>
          Revoke…
        </Button>
      </td>
    </tr>
  );
}
