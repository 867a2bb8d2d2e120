import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useState } from "react";
import type { Change } from "../api/config";
import { changeQuery, changesPage, sessionQuery } from "../api/queries";
import { allows } from "../api/session";
import { fullTime, time } from "../format";
import { Button } from "../ui/Button";
import { Icon } from "../ui/Icon";
import { ErrorState, Skeleton, State } from "../ui/State";
import { ChangeDiff } from "./ChangeDiff";
import { RestoreDialog } from "./RestoreDialog";

const route = getRouteApi("/config");

/** Every change of the configuration, newest first; the opened one with what it did. */
export function HistoryList() {
  const { change } = route.useSearch();
  const pages = useInfiniteQuery({
    queryKey: ["config", "history"],
    queryFn: ({ pageParam, signal }) => changesPage(pageParam || undefined, signal),
    initialPageParam: 0,
    getNextPageParam: (last) => last.next || undefined,
  });
  const all = pages.data?.pages.flatMap((p) => p.changes) ?? [];
  if (pages.isPending) return <Skeleton rows={10} label="Changes are loading" />;
  if (pages.isError && all.length === 0) return <ErrorState error={pages.error} retry={() => void pages.refetch()} />;
  if (all.length === 0) {
    return (
      <State icon="events" title="Nothing was changed yet">
        Every change of the configuration will be kept here whole, with who made it.
      </State>
    );
  }
  return (
    <div className="history">
      <ol className="history-list" aria-label="Changes">
        {all.map((c) => (
          <Entry key={c.number} change={c} newest={all[0]!.number} open={change === String(c.number)} />
        ))}
      </ol>
      {pages.hasNextPage && (
        <div className="history-more">
          <Button busy={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()}>
            Load older
          </Button>
        </div>
      )}
    </div>
  );
}

/** What a change did: its manifests are had when they are looked at. */
function Did({ number }: { number: number }) {
  const change = useQuery(changeQuery(number));
  if (change.isPending) return <Skeleton rows={4} label="The change is loading" />;
  if (change.isError) return <ErrorState error={change.error} retry={() => void change.refetch()} />;
  return <ChangeDiff changes={change.data.resources ?? []} />;
}

function Entry({ change: c, newest, open }: { change: Change; newest: number; open: boolean }) {
  const navigate = route.useNavigate();
  const [to, setTo] = useState<number>();
  const { data: user } = useQuery(sessionQuery);
  const may = allows(user, "admin");
  const why = may ? undefined : "Restoring needs the role admin.";
  return (
    <li className="history-entry" data-open={open || undefined}>
      <button type="button" className="history-head" aria-expanded={open} onClick={() => void navigate({ search: (now) => ({ ...now, change: open ? undefined : String(c.number) }), replace: true })}>
        <Icon name="chevron" />
        <span className="history-number">{c.number}</span>
        <time dateTime={c.time} title={fullTime(c.time)}>
          {time(c.time)}
        </time>
        <span className="history-what">{c.summary}</span>
        <span className="faint">{c.by || "nobody known"}</span>
      </button>
      {open && (
        <div className="history-body">
          <Did number={c.number} />
          <div className="history-acts">
            {why && <span className="muted">{why}</span>}
            <Button icon="undo" disabled={!may} onClick={() => setTo(c.number - 1)}>
              Restore to before it…
            </Button>
            <Button disabled={!may || c.number === newest} title={c.number === newest ? "So it stands now" : undefined} onClick={() => setTo(c.number)}>
              Restore to after it…
            </Button>
          </div>
        </div>
      )}
      {to !== undefined && <RestoreDialog to={to} onClose={() => setTo(undefined)} />}
    </li>
  );
}
