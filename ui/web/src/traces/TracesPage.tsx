import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { useEffect, useMemo, useState } from "react";
import { servicesQuery, tracesQuery, type TraceFilter } from "../api/queries";
import { zone } from "../format";
import { Page } from "../shell/Page";
import { Button } from "../ui/Button";
import { Icon } from "../ui/Icon";
import { ErrorState, Skeleton, State } from "../ui/State";
import { isDuration, isFiltered, periodOf, RANGES } from "./filter";
import { Scatter } from "./Scatter";
import { TraceList } from "./TraceList";
import "./traces.css";

const route = getRouteApi("/traces");

export default function TracesPage() {
  const filter = route.useSearch();
  const navigate = useNavigate();
  const [round, setRound] = useState(0); // of asking: the period ends when it begins
  const period = useMemo(() => periodOf(filter.range, new Date()), [filter, round]);
  const set = (change: Partial<TraceFilter>) => void navigate({ to: "/traces", search: { ...filter, ...change }, replace: true });
  const pages = useInfiniteQuery({
    queryKey: ["traces", filter, period],
    queryFn: ({ pageParam, signal }) => tracesQuery(filter, period, pageParam, signal),
    initialPageParam: "",
    getNextPageParam: (last) => last.next || undefined,
    staleTime: Infinity,
    placeholderData: (before) => before, // the old result stays until the new one is there
  });
  const traces = useMemo(() => pages.data?.pages.flatMap((p) => p.traces) ?? [], [pages.data]);
  const open = (id: string) => void navigate({ to: "/traces/$id", params: { id } });

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
        <Filters filter={filter} set={set} />
        {pages.isPending && <Skeleton rows={10} label="Traces are loading" />}
        {pages.isError && <ErrorState error={pages.error} retry={() => void pages.refetch()} />}
        {pages.isSuccess && traces.length === 0 && <Nothing filter={filter} clear={() => void navigate({ to: "/traces", search: {} })} />}
        {traces.length > 0 && (
          <>
            <Scatter traces={traces} onOpen={open} />
            <TraceList traces={traces} />
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

function Nothing({ filter, clear }: { filter: TraceFilter; clear: () => void }) {
  if (isFiltered(filter)) {
    return (
      <State icon="search" title="No trace fits" action={<Button onClick={clear}>Clear filters</Button>}>
        Nothing in this period matches the filters.
      </State>
    );
  }
  return (
    <State icon="traces" title="No traces yet">
      Sidecars start a trace for every request that has none. Send a request through the mesh and refresh.
    </State>
  );
}

function Filters({ filter, set }: { filter: TraceFilter; set: (change: Partial<TraceFilter>) => void }) {
  const services = useQuery(servicesQuery);
  const names = services.data?.services.map((s) => s.id).filter((id) => id !== "outside") ?? [];
  if (filter.service && !names.includes(filter.service)) names.push(filter.service);
  return (
    <div className="filters" role="search">
      <TextFilter value={filter.q ?? ""} set={(q) => set({ q: q || undefined })} />
      <select className="select" aria-label="Service" value={filter.service ?? ""} onChange={(e) => set({ service: e.target.value || undefined })}>
        <option value="">All services</option>
        {names.map((n) => (
          <option key={n}>{n}</option>
        ))}
      </select>
      <div className="chips" role="group" aria-label="Status">
        {[
          ["", "All"],
          ["error", "Errors"],
          ["ok", "OK"],
        ].map(([value, name]) => (
          <button key={name} type="button" className="chip" aria-pressed={(filter.status ?? "") === value} onClick={() => set({ status: value || undefined })}>
            {name}
          </button>
        ))}
      </div>
      <DurationFilter name="Longer than" value={filter.min ?? ""} set={(min) => set({ min: min || undefined })} />
      <DurationFilter name="Shorter than" value={filter.max ?? ""} set={(max) => set({ max: max || undefined })} />
      <select className="select" aria-label="Period" value={filter.range ?? "1h"} onChange={(e) => set({ range: e.target.value === "1h" ? undefined : e.target.value })}>
        {Object.entries(RANGES).map(([value, r]) => (
          <option key={value} value={value}>
            {r.name}
          </option>
        ))}
      </select>
    </div>
  );
}

/** A text that is asked for once the typing rests. */
function TextFilter({ value, set }: { value: string; set: (v: string) => void }) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  useEffect(() => {
    if (text === value) return;
    const t = setTimeout(() => set(text), 350);
    return () => clearTimeout(t);
  }, [text]);
  return (
    <label className="search traces-text">
      <Icon name="search" />
      <input className="input" data-search aria-label="Search traces" placeholder="Span name, path or key=value" value={text} onChange={(e) => setText(e.target.value)} />
      <kbd aria-hidden="true">/</kbd>
    </label>
  );
}

function DurationFilter({ name, value, set }: { name: string; value: string; set: (v: string) => void }) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const good = text === "" || isDuration(text);
  const commit = () => good && text !== value && set(text);
  return (
    <input
      className="input traces-duration"
      aria-label={name}
      aria-invalid={!good}
      title="A duration such as 250ms or 1.5s"
      placeholder={name === "Longer than" ? "> 100ms" : "< 2s"}
      value={text}
      onChange={(e) => setText(e.target.value.trim())}
      onBlur={commit}
      onKeyDown={(e) => e.key === "Enter" && commit()}
    />
  );
}
