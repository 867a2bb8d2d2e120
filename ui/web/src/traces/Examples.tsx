import { useQuery } from "@tanstack/react-query";
import { tracesQuery } from "../api/queries";
import type { Asked } from "../api/search";
import { Partial } from "../search/Partial";
import { ErrorState, Skeleton } from "../ui/State";
import type { Box } from "./heat";
import { TraceList } from "./TraceList";

const MOST = 5;

/** Some traces of the spans in a box, the newest first. */
export function Examples({ search, filter, box }: { search: Asked; filter: string; box: Box }) {
  const asked: Asked = { ...search, roots: undefined, filter, start: new Date(box.from).toISOString(), end: new Date(box.to).toISOString(), limit: MOST };
  const found = useQuery({ queryKey: ["traces", "examples", asked], queryFn: ({ signal }) => tracesQuery(asked, "", signal), staleTime: Infinity });
  return (
    <section className="examples" aria-label="Traces of the selection">
      <h2>Traces of the selection</h2>
      {found.isPending && <Skeleton rows={MOST} label="Traces of the selection are loading" />}
      {found.isError && <ErrorState error={found.error} retry={() => void found.refetch()} />}
      {found.data?.traces.length === 0 && <p className="faint">None: the selection is empty.</p>}
      {found.data && found.data.traces.length > 0 && <TraceList traces={found.data.traces} label="Traces of the selection" />}
      <Partial what="There may be more:" why={found.data?.partial} />
    </section>
  );
}
