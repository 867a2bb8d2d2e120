import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useMemo } from "react";
import { EVENT_KINDS } from "../api/event";
import { eventsPage } from "../api/queries";
import { zone } from "../format";
import { Page } from "../shell/Page";
import { Button } from "../ui/Button";
import { ErrorState, Skeleton, State } from "../ui/State";
import { group, merge } from "./group";
import { InForce } from "./InForce";
import { Timeline } from "./Timeline";
import "./events.css";

const route = getRouteApi("/events");

export default function EventsPage() {
  const { kind, service } = route.useSearch();
  const navigate = route.useNavigate();
  const pages = useInfiniteQuery({
    queryKey: ["events", kind ?? "", service ?? ""],
    queryFn: ({ pageParam, signal }) => eventsPage(kind, service, pageParam, signal),
    initialPageParam: "",
    getNextPageParam: (last) => last.next || undefined,
    placeholderData: (before) => before,
  });
  const entries = useMemo(() => group(merge(...(pages.data?.pages.map((p) => p.events) ?? []))), [pages.data]);

  return (
    <Page title="Events" note={`times in ${zone()}`}>
      <div className="events">
        <div className="filters" role="search">
          <div className="chips" role="group" aria-label="Kind">
            <button type="button" className="chip" aria-pressed={!kind} onClick={() => void navigate({ search: { service }, replace: true })}>
              All
            </button>
            {EVENT_KINDS.map((k) => (
              <button key={k} type="button" className="chip" aria-pressed={kind === k} onClick={() => void navigate({ search: { kind: k, service }, replace: true })}>
                {k}
              </button>
            ))}
          </div>
          {service && (
            <button type="button" className="chip" aria-pressed="true" aria-label={`Only ${service}; show all services`} onClick={() => void navigate({ search: { kind }, replace: true })}>
              service {service} ✕
            </button>
          )}
        </div>
        <div className="events-body">
          <InForce />
          <div className="events-past">
            {pages.isPending && <Skeleton rows={10} label="Events are loading" />}
            {pages.isError && <ErrorState error={pages.error} retry={() => void pages.refetch()} />}
            {pages.isSuccess && entries.length === 0 && (
              <State icon="events" title="Nothing happened">
                {kind || service ? "No event fits these filters." : "Anomalies, breakers, traffic shifts and configuration changes will show here."}
              </State>
            )}
            <Timeline entries={entries} />
            {pages.hasNextPage && (
              <div className="events-more">
                <Button busy={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()}>
                  Load older
                </Button>
              </div>
            )}
          </div>
        </div>
      </div>
    </Page>
  );
}
