import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import { useLiveGraph } from "../api/live";
import { graphQuery } from "../api/queries";
import { compact, share, time, zone } from "../format";
import { Page } from "../shell/Page";
import { Icon } from "../ui/Icon";
import { ErrorState, State } from "../ui/State";
import { find } from "./find";
import { GraphView } from "./GraphView";
import { Panel } from "./Panel";
import { TimeSelect } from "./TimeSelect";
import "./map.css";

const route = getRouteApi("/");

export default function MapPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const now = useLiveGraph();
  // The first picture comes by either way, whichever is faster; a past one only by asking.
  const asked = useQuery({ ...graphQuery(search.at), enabled: Boolean(search.at) || !now, refetchInterval: search.at ? false : 3000 });
  const graph = search.at ? asked.data : (now ?? asked.data);

  const set = useCallback(
    (change: Partial<typeof search>) => void navigate({ search: (old) => ({ ...old, ...change }), replace: true }),
    [navigate],
  );
  const select = useCallback((sel: string | undefined) => set({ sel }), [set]);
  const looked = useMemo(() => {
    if (!graph || !search.find) return { found: undefined, fault: "" };
    try {
      return { found: find(graph, search.find), fault: "" };
    } catch (e) {
      return { found: undefined, fault: e instanceof Error ? e.message : String(e) };
    }
  }, [graph, search.find]);

  return (
    <Page
      title="Map"
      fill
      note={graph && <Summary graph={graph} />}
      actions={
        <>
          <label className="search map-find" data-fault={looked.fault || undefined}>
            <Icon name="search" />
            <input
              className="input"
              data-search
              aria-label="Find on the map"
              aria-invalid={looked.fault !== ""}
              placeholder="Find: errors>1% OR cart"
              value={search.find ?? ""}
              onChange={(e) => set({ find: e.target.value || undefined })}
              onKeyDown={(e) => e.key === "Escape" && (set({ find: undefined }), e.currentTarget.blur())}
            />
            <kbd aria-hidden="true">/</kbd>
            {looked.fault && (
              <span className="map-fault" role="alert">
                {looked.fault}
              </span>
            )}
          </label>
          <TimeSelect at={search.at} onChange={(at) => set({ at })} />
        </>
      }
    >
      <div className="map">
        {!graph && (asked.error ? <ErrorState error={asked.error} retry={() => void asked.refetch()} /> : <Ghosts />)}
        {graph && graph.nodes.length === 0 && <NoTraffic at={search.at} />}
        {graph && graph.nodes.length > 0 && <GraphView graph={graph} selection={search.sel} onSelect={select} found={looked.found} />}
        {graph && search.sel && <Panel key={search.sel} graph={graph} selection={search.sel} onSelect={select} />}
      </div>
    </Page>
  );
}

function Summary({ graph }: { graph: import("../api/graph").Graph }) {
  const inside = graph.nodes.filter((n) => n.id !== "outside");
  const total = graph.edges.reduce((sum, e) => sum + e.rps, 0);
  const failed = graph.edges.reduce((sum, e) => sum + e.rps * e.errorShare, 0);
  return (
    <span className="map-summary" title={`From ${time(graph.start)} to ${time(graph.end)} ${zone()}`}>
      <b>{inside.length}</b> services <b>{compact(total)}</b>/s over {graph.edges.length} edges <b>{share(total > 0 ? failed / total : 0)}</b> failed
    </span>
  );
}

/** Where the cards will be, roughly, while the first graph is on its way. */
function Ghosts() {
  return (
    <div className="ghosts" role="status" aria-label="The map is loading">
      {[1, 1, 3, 2].map((cards, column) => (
        <div key={column}>
          {Array.from({ length: cards }, (_, i) => (
            <span key={i} />
          ))}
        </div>
      ))}
    </div>
  );
}

function NoTraffic({ at }: { at: string | undefined }) {
  if (at) {
    return (
      <State icon="map" title="No traffic then">
        Nothing was reported around {time(at)}.
      </State>
    );
  }
  return (
    <State icon="map" title="No traffic yet">
      Services show here a second after their first request. Start one beside a sidecar:{" "}
      <code>sightline-proxy run --service hello -- ./hello</code>
    </State>
  );
}
