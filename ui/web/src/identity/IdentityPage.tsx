import { useQuery } from "@tanstack/react-query";
import { authorityQuery, holdersQuery } from "../api/queries";
import { Page } from "../shell/Page";
import { Icon } from "../ui/Icon";
import { ErrorState, Skeleton } from "../ui/State";
import { AuthorityTable } from "./AuthorityTable";
import { HolderTable } from "./HolderTable";
import { IdentityEvents } from "./IdentityEvents";
import { RevocationTable } from "./RevocationTable";
import { Rotation } from "./Rotation";
import { TokenTable } from "./TokenTable";
import { alarms } from "./urgency";
import "./identity.css";

/** Who signs, whom the mesh trusts, and who holds which certificate for how long. */
export default function IdentityPage() {
  const authority = useQuery(authorityQuery);
  const holders = useQuery(holdersQuery); // how long their table is moves all below it
  const a = authority.data;
  return (
    <Page title="Identity" note={a && `${a.trustDomain} · ${a.holders} connected`}>
      {authority.isPending && <Skeleton rows={10} label="The authority is loading" />}
      {authority.isError && !a && <ErrorState error={authority.error} retry={() => void authority.refetch()} />}
      {a && (
        <div className="identity">
          {authority.isError && <p className="note note-warn">This is how it stood when the control plane answered last: {authority.error.message}</p>}
          {alarms(a, Date.now()).map((s) => (
            <p key={s.text} className={`alarm note note-${s.tone}`} role="alert">
              <Icon name={s.tone === "bad" ? "fail" : "warn"} />
              {s.text}
            </p>
          ))}
          <Rotation authority={a} />
          <AuthorityTable authority={a} />
          <HolderTable roots={a.roots ?? []} />
          {!holders.isPending && (
            <>
              <TokenTable />
              <RevocationTable revoked={a.revoked ?? []} />
              <IdentityEvents />
            </>
          )}
        </div>
      )}
    </Page>
  );
}
