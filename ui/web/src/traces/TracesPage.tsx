import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { tracesQuery, type TraceFilter } from "../api/queries";
import { zone } from "../format";
import { mistakeOf } from "../search/FilterInput";
import { Partial } from "../search/Partial";
import { periodOf } from "../search/period";
import { Page } from "../shell/Page";
import { Button } from "../ui/Button";
import { ErrorState, Skeleton, State } from "../ui/State";
import { isFiltered, ofRoots } from "./filter";
import { SpanSet } from "./SpanSet";
import { TraceFilters } from "./TraceFilters";
import { TraceList } from "./TraceList";
import "./traces.css";
import "./spanset.css";

const route = getRouteApi("/traces");

export default function TracesPage() {
  const filter = route.useSearch();
  const navigate = useNavigate();
  const [round, setRound] = useState(0); // of asking: the period ends when it begins
  const { service, status, min, max, range, from, to } = filter;
  const period = useMemo(() => periodOf({ range, from, to }, new Date()), [service, status, min, max, filter.filter, range, from, to, round]);
  const set = (change: TraceFilter) => void navigate({ to: "/traces", search: { ...filter, ...change }, replace: true });
  const asked = useMemo(() => ({ service, status, minDuration: min, maxDuration: max, filter: filter.filter, ...period }), [service, status, min, max, filter.filter, period]);
  const pages = useInfiniteQuery({
    queryKey: ["traces", asked],
    queryFn: ({ pageParam, signal }) => tracesQuery(asked, pageParam, signal),
    initialPageParam: "",
    getNextPageParam: (last) => last.next || undefined,
    staleTime: Infinity,
    placeholderData: (before) => before, // the old result stays until the new one is there
  });
  const traces = useMemo(() => pages.data?.pages.flatMap((p) => p.traces) ?? [], [pages.data]);
  const mistake = pages.isError && mistakeOf(pages.error);

  return (
    <Page
      title="Traces"
      note={`newest first, times in ${zone()}`}
      actions={
        <Button icon="reset" busy={pages.isFetching} onClick={() => setRound((r) => r + 1)}>
          Refresh
        </Button>
      }
    >
      <div className="traces">
        <TraceFilters filter={filter} set={set} error={pages.error} />
        {pages.isPending && <Skeleton rows={10} label="Traces are loading" />}
        {mistake && (
          <State icon="search" title="The filter is not understood">
            Mend it where it is marked, or look at its help.
          </State>
        )}
        {pages.isError && !mistake && <ErrorState error={pages.error} retry={() => void pages.refetch()} />}
        {pages.isSuccess && traces.length === 0 && (
          <Nothing filter={filter} partial={pages.data.pages[0]?.partial} clear={() => void navigate({ to: "/traces", search: {} })} />
        )}
        {!pages.isError && traces.length > 0 && (
          <>
            <SpanSet search={{ ...asked, roots: ofRoots(filter) ? "true" : undefined }} roots={ofRoots(filter)} filter={filter} set={set} />
            <TraceList traces={traces} />
            <Partial what="There may be more traces:" why={pages.data?.pages.at(-1)?.partial} />
            <div className="traces-more">
              {pages.hasNextPage ? (
                <Button busy={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()}>
                  Load older
                </Button>
              ) : (
                !pages.data?.pages.at(-1)?.partial && <span className="faint">That is all of this period.</span>
              )}
            </div>
          </>
        )}
      </div>
    </Page>
  );
}

function Nothing({ filter, partial, clear }: { filter: TraceFilter; partial: string | undefined; clear: () => void }) {
  if (isFiltered(filter)) {
    return (
      <State icon="search" title="No trace fits" action={<Button onClick={clear}>Clear filters</Button>}>
        {partial ? `Not all was looked at: ${partial}.` : "Nothing in this period matches the filters."}
      </State>
    );
  }
  return (
    <State icon="traces" title="No traces yet">
      Sidecars start a trace for every request that has none. Send a request through the mesh and refresh.
    </State>
  );
}
