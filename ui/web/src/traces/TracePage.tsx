import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useCallback, useMemo, useState } from "react";
import { traceQuery } from "../api/queries";
import type { Trace } from "../api/trace";
import { fullTime, ns, time } from "../format";
import { Page } from "../shell/Page";
import { Partial } from "../search/Partial";
import { Button } from "../ui/Button";
import { ErrorState, Skeleton } from "../ui/State";
import { SpanDetail } from "./SpanDetail";
import { picture } from "./waterfall";
import { Waterfall } from "./Waterfall";
import { WhyTable } from "./WhyTable";
import "./traces.css";
import "./trace.css";

const route = getRouteApi("/traces/$id");

export default function TracePage() {
  const { id } = route.useParams();
  const trace = useQuery(traceQuery(id));
  const root = trace.data?.spans.find((s) => !s.parentId) ?? trace.data?.spans[0];
  return (
    <Page
      title={root ? `${root.service} ${root.name}` : "Trace"}
      fill
      note={
        <>
          <Link to="/traces" className="link">
            Traces
          </Link>{" "}
          / <code>{id.slice(-12)}</code>
        </>
      }
      actions={trace.data && <Download trace={trace.data} />}
    >
      {trace.isPending && <Skeleton rows={12} label="The trace is loading" />}
      {trace.isError && <ErrorState error={trace.error} retry={() => void trace.refetch()} />}
      {trace.data && <Loaded key={id} trace={trace.data} />}
    </Page>
  );
}

function Loaded({ trace }: { trace: Trace }) {
  const search = route.useSearch();
  const navigate = useNavigate();
  const hops = search.hops === "shown";
  const tab = search.tab ?? "waterfall";
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const drawn = useMemo(() => picture(trace.spans, { hops, closed }), [trace, hops, closed]);
  const set = useCallback(
    (change: { [K in keyof typeof search]?: (typeof search)[K] }) => void navigate({ to: "/traces/$id", params: { id: trace.traceId }, search: { ...search, ...change }, replace: true }),
    [navigate, search, trace.traceId],
  );
  const toggle = useCallback((id: string) => {
    setClosed((old) => {
      const next = new Set(old);
      if (!next.delete(id)) next.add(id);
      return next;
    });
  }, []);
  const selected = drawn.rows.find((r) => r.span.spanId === search.span);
  const failed = trace.spans.filter((s) => s.status === "error").length;
  const first = drawn.rows[0]?.span;

  return (
    <>
      <Partial what="There may have been more spans:" why={trace.partial} />
      <div className="trace-facts">
        <dl>
          <div>
            <dt>Start</dt>
            <dd title={first && fullTime(first.start)}>{first && time(first.start)}</dd>
          </div>
          <div>
            <dt>Duration</dt>
            <dd>{ns(drawn.total * 1e6)}</dd>
          </div>
          <div>
            <dt>Services</dt>
            <dd>{new Set(trace.spans.map((s) => s.service)).size}</dd>
          </div>
          <div>
            <dt>Spans</dt>
            <dd>{trace.spans.length}</dd>
          </div>
          <div>
            <dt>Failed</dt>
            <dd data-tone={failed > 0 ? "bad" : undefined}>{failed}</dd>
          </div>
        </dl>
        <div className="chips">
          <button type="button" className="chip" aria-pressed={tab === "waterfall"} onClick={() => set({ tab: undefined })}>
            Waterfall
          </button>
          <button type="button" className="chip" aria-pressed={tab === "why"} onClick={() => set({ tab: "why" })}>
            Why
          </button>
          {tab === "waterfall" && (
            <button type="button" className="chip trace-hops" aria-pressed={hops} onClick={() => set({ hops: hops ? undefined : "shown" })}>
              Both sides of hops
            </button>
          )}
        </div>
      </div>
      {tab === "why" ? (
        <WhyTable id={trace.traceId} />
      ) : (
        <div className="trace-body">
          <Waterfall drawn={drawn} closed={closed} selected={search.span} onSelect={(span) => set({ span })} onToggle={toggle} />
          {selected && <SpanDetail row={selected} onClose={() => set({ span: undefined })} />}
        </div>
      )}
    </>
  );
}

function Download({ trace }: { trace: Trace }) {
  const save = () => {
    const url = URL.createObjectURL(new Blob([JSON.stringify(trace, null, 2)], { type: "application/json" }));
    const a = document.createElement("a");
    a.href = url;
    a.download = `trace-${trace.traceId}.json`;
    a.click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  };
  return (
    <Button icon="download" onClick={save}>
      JSON
    </Button>
  );
}
