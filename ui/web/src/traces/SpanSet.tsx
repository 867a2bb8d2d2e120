import type { Asked } from "../api/search";
import type { TraceFilter } from "../api/queries";
import { compact, ns, time } from "../format";
import { also } from "../search/filterText";
import { Partial } from "../search/Partial";
import { Button } from "../ui/Button";
import { ErrorState } from "../ui/State";
import { Counting } from "./Counting";
import { DeltaPanel } from "./DeltaPanel";
import { Examples } from "./Examples";
import { aboutTraces } from "./filter";
import { boxFilter, boxOf, boxText, durationText, slowBound, type Box } from "./heat";
import { HeatmapView } from "./HeatmapView";
import { useColumns, useHeatmap } from "./useHeatmap";

interface Props {
  search: Asked; // as the API has it
  roots: boolean;
  filter: TraceFilter;
  set: (change: TraceFilter) => void;
}

const SLOWEST = 0.05;

/** All spans of a search: when they took how long, and what is different about some of them. */
export function SpanSet({ search, roots, filter, set }: Props) {
  const columns = useColumns();
  const { heat, counting } = useHeatmap(search, columns);
  const h = heat.data;
  if (heat.isError) return <ErrorState error={heat.error} retry={() => void heat.refetch()} />;
  if (!h) {
    return (
      <>
        <div className="span-set">{counting && <Counting since={undefined} />}</div>
        <div className="heatmap" role="status" aria-label="The heatmap is loading" />
        {filter.cmp && <div className="deltas" />}
      </>
    );
  }
  const of = roots ? "root spans" : aboutTraces(filter) ? "spans" : "spans that match";
  const box = boxOf(filter.box);
  const slow = slowBound(h, SLOWEST);
  const compared = comparison(filter.cmp, box, slow);
  const narrow = (b: Box) =>
    set({
      filter: also(filter.filter, `${roots ? "root = true AND " : ""}${boxFilter(b)}`),
      from: new Date(b.from).toISOString(), to: new Date(b.to).toISOString(), range: undefined, box: undefined, cmp: undefined,
    });
  const toggle = (cmp: string) => set({ cmp: filter.cmp === cmp ? undefined : cmp });

  return (
    <>
      <div className="span-set">
        <span className="muted">
          {compact(h.spans)} {of}, {compact(h.errors)} failed
        </span>
        {counting && <Counting since={h.since} />}
        {aboutTraces(filter) && (
          <div className="chips" role="group" aria-label="Spans">
            <button type="button" className="chip" aria-pressed={roots} onClick={() => set({ spans: undefined, box: undefined })}>
              roots
            </button>
            <button type="button" className="chip" aria-pressed={!roots} onClick={() => set({ spans: "all", box: undefined })} title="Every span of the traces, also of calls in their midst">
              all spans
            </button>
          </div>
        )}
        <div className="chips" role="group" aria-label="What is different about">
          <span className="faint">What is different about</span>
          <button type="button" className="chip" aria-pressed={filter.cmp === "errors"} disabled={h.errors === 0} onClick={() => toggle("errors")}>
            errors
          </button>
          <button type="button" className="chip" aria-pressed={filter.cmp === "slow"} disabled={slow === undefined} onClick={() => toggle("slow")}>
            {slow === undefined ? "the slow" : `slower than ${ns(slow)}`}
          </button>
          {box ? (
            <button type="button" className="chip" aria-pressed={filter.cmp === "box"} onClick={() => toggle("box")}>
              the selection
            </button>
          ) : (
            <span className="faint span-set-hint">or choose a cell or a rectangle</span>
          )}
        </div>
        {box && (
          <div className="span-set-box">
            <span>
              {time(new Date(box.from).toISOString())} – {time(new Date(box.to).toISOString())}, {ns(box.low)} – {ns(box.high)}
            </span>
            <Button small onClick={() => narrow(box)}>
              Narrow the search
            </Button>
            <Button small look="quiet" icon="close" aria-label="Drop the selection" onClick={() => set({ box: undefined, cmp: filter.cmp === "box" ? undefined : filter.cmp })} />
          </div>
        )}
      </div>
      <HeatmapView
        heatmap={h}
        of={of}
        box={box}
        onSelect={(b) => set({ box: boxText(b), cmp: "box" })}
        onDrop={() => set({ box: undefined, cmp: filter.cmp === "box" ? undefined : filter.cmp })}
      />
      <Partial what="The heatmap does not show all:" why={h.partial} />
      {box && <Examples search={search} filter={also(filter.filter, `${roots ? "root = true AND " : ""}${boxFilter(box)}`)} box={box} />}
      {compared && h.spans > 0 && (
        <DeltaPanel
          search={search}
          {...compared}
          onClose={() => set({ cmp: undefined })}
          onAdd={(more) => set({ filter: also(filter.filter, roots ? `root = true AND ${more}` : more), cmp: undefined, box: undefined })}
        />
      )}
    </>
  );
}

/** What is compared with the rest, and its name. */
function comparison(cmp: string | undefined, box: Box | undefined, slow: number | undefined): { name: string; selected: Asked } | undefined {
  if (cmp === "errors") return { name: "errors", selected: { selected: "status = error" } };
  if (cmp === "slow" && slow !== undefined) return { name: "the slow", selected: { selected: `duration > ${durationText(slow)}` } };
  if (cmp === "box" && box) {
    return { name: "the selection", selected: { selected: boxFilter(box), from: new Date(box.from).toISOString(), to: new Date(box.to).toISOString() } };
  }
  return undefined;
}
