import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { logHistogramQuery, logsPage, type LogFilter } from "../api/log";
import { zone } from "../format";
import { FilterInput, mistakeOf } from "../search/FilterInput";
import { also } from "../search/filterText";
import { Partial } from "../search/Partial";
import { periodOf } from "../search/period";
import { PeriodSelect, ServiceSelect } from "../search/Selects";
import { Page } from "../shell/Page";
import "../traces/traces.css";
import { Button } from "../ui/Button";
import { ErrorState, Skeleton, State } from "../ui/State";
import { HistogramView } from "./HistogramView";
import { LogList } from "./LogList";
import "./logs.css";

const route = getRouteApi("/logs");

export default function LogsPage() {
  const search = route.useSearch();
  const navigate = useNavigate();
  const [round, setRound] = useState(0); // of asking: the period ends when it begins
  const { filter, service, range, from, to } = search;
  const asked = useMemo(() => ({ filter, service, ...periodOf({ range, from, to }, new Date()) }), [filter, service, range, from, to, round]);
  const set = (change: LogFilter) => void navigate({ to: "/logs", search: { ...search, ...change }, replace: true });
  const pages = useInfiniteQuery({
    queryKey: ["logs", asked],
    queryFn: ({ pageParam, signal }) => logsPage(asked, pageParam, signal),
    initialPageParam: "",
    getNextPageParam: (last) => last.next || undefined,
    staleTime: Infinity,
    placeholderData: (before) => before, // the old result stays until the new one is there
  });
  const rows = useMemo(() => pages.data?.pages.flatMap((p) => p.logs) ?? [], [pages.data]);
  const mistake = pages.isError && mistakeOf(pages.error);

  return (
    <Page
      title="Logs"
      note={`newest first, times in ${zone()}`}
      actions={
        <Button icon="reset" busy={pages.isFetching} onClick={() => setRound((r) => r + 1)}>
          Refresh
        </Button>
      }
    >
      <div className="logs">
        <div className="filters" role="search">
          <FilterInput of="logs" value={filter ?? ""} error={pages.error} onAsk={(f) => set({ filter: f || undefined })} />
          <ServiceSelect value={service} set={(s) => set({ service: s })} />
          <PeriodSelect value={search} set={set} />
        </div>
        {!pages.isError && <Counts asked={asked} onPeriod={set} onSeverity={(s) => set({ filter: also(filter, `severity = ${s}`) })} />}
        {pages.isPending && <Skeleton rows={12} label="Logs are loading" />}
        {mistake && (
          <State icon="search" title="The filter is not understood">
            Mend it where it is marked, or look at its help.
          </State>
        )}
        {pages.isError && !mistake && <ErrorState error={pages.error} retry={() => void pages.refetch()} />}
        {pages.isSuccess && rows.length === 0 && <Nothing filtered={Boolean(filter || service)} clear={() => void navigate({ to: "/logs", search: {} })} />}
        {!pages.isError && rows.length > 0 && (
          <>
            <LogList rows={rows} />
            <Partial what="There may be more rows:" why={pages.data?.pages.at(-1)?.partial} />
            <div className="traces-more">
              {pages.hasNextPage ? (
                <Button busy={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()}>
                  Load older
                </Button>
              ) : (
                <span className="faint">That is all of this period.</span>
              )}
            </div>
          </>
        )}
      </div>
    </Page>
  );
}

interface Asked {
  filter: string | undefined;
  service: string | undefined;
  start: string;
  end: string;
}

function Counts({ asked, onPeriod, onSeverity }: { asked: Asked; onPeriod: (c: LogFilter) => void; onSeverity: (s: string) => void }) {
  const counts = useQuery(logHistogramQuery({ ...asked }));
  if (counts.isError) return <ErrorState error={counts.error} retry={() => void counts.refetch()} />;
  if (!counts.data) return <div className="log-waiting" role="status" aria-label="Rows are counted" />;
  const period = (start: number, end: number) => onPeriod({ from: new Date(start).toISOString(), to: new Date(end).toISOString(), range: undefined });
  return (
    <>
      <HistogramView histogram={counts.data} onPeriod={period} onSeverity={onSeverity} />
      <Partial what="The bars do not count all:" why={counts.data.partial} />
    </>
  );
}

function Nothing({ filtered, clear }: { filtered: boolean; clear: () => void }) {
  if (filtered) {
    return (
      <State icon="search" title="No row fits" action={<Button onClick={clear}>Clear filters</Button>}>
        Nothing in this period matches the filters.
      </State>
    );
  }
  return (
    <State icon="logs" title="No logs yet">
      Sidecars write a row for each request; apps send theirs as OTLP.
    </State>
  );
}
