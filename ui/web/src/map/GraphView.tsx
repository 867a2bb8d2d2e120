import { useEffect, useMemo, useRef, useState } from "react";
import type { Graph } from "../api/graph";
import { isTyping } from "../shell/shortcuts";
import { Button } from "../ui/Button";
import { Tip } from "../ui/Tip";
import { useCamera } from "./camera";
import { Dots } from "./Dots";
import { EdgeLabel, EdgeLine } from "./EdgeLayer";
import type { Found } from "./find";
import { curves as curvesOf, placeLabels } from "./geometry";
import { NodeCard } from "./NodeCard";
import { useLayout, type Shape } from "./useLayout";
import "./graph.css";

interface Props {
  graph: Graph;
  selection: string | undefined;
  onSelect: (key: string | undefined) => void;
  found: Found | undefined; // undefined: nothing is looked for
}

export function GraphView({ graph, selection, onSelect, found }: Props) {
  const frame = useRef<HTMLDivElement>(null);
  const lines = useRef<HTMLDivElement>(null);
  const cards = useRef<HTMLDivElement>(null);
  const layers = useMemo(() => [lines, cards], []);
  const camera = useCamera(frame, layers);
  const shape = useShape(frame);
  const { layout, direction, move, reset } = useLayout(graph, shape, frame);
  const boxes = useMemo(() => Object.values(layout?.nodes ?? {}), [layout]);
  const fitted = useRef("");

  // Fit once for each direction, and when the mesh has grown much: never under the reader's hand.
  const picture = `${direction} ${Math.floor(Math.log2(boxes.length + 1))}`;
  useEffect(() => {
    if (boxes.length === 0 || fitted.current === picture) return;
    fitted.current = picture;
    camera.fit(boxes);
  }, [boxes, picture, camera]);

  const chosen = selection?.startsWith("node:") ? layout?.nodes[selection.slice(5)] : undefined;
  useEffect(() => {
    if (chosen) camera.show(chosen);
    // Only a new selection moves the map, not a card that is dragged.
  }, [selection, chosen === undefined, camera]);

  useEffect(() => {
    const onKey = (e: KeyboardEvent) => {
      if (isTyping(e.target) || e.ctrlKey || e.metaKey || document.querySelector("dialog[open]")) return;
      if (e.key === "+" || e.key === "=") camera.zoom(1.2);
      else if (e.key === "-") camera.zoom(1 / 1.2);
      else if (e.key === "0") camera.fit(boxes);
      else if (e.key === "Escape") onSelect(undefined);
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [camera, boxes, onSelect]);

  // Edges keep their ids from second to second; their curves change only with the layout.
  const edgeIDs = graph.edges.map((e) => e.id).join(" ");
  const curves = useMemo(() => (layout && direction ? curvesOf(graph.edges, layout, direction) : new Map()), [edgeIDs, layout, direction]);
  const labels = useMemo(() => placeLabels(curves, boxes), [curves, boxes]);
  const near = useMemo(() => nearOf(graph, selection), [graph, selection]);
  const dimNode = (id: string) => (found ? !found.nodes.has(id) : near !== undefined && !near.nodes.has(id));
  const dimEdge = (id: string) => (found ? !found.edges.has(id) : near !== undefined && !near.edges.has(id));
  const anomalous = new Set(graph.edges.filter((e) => e.anomaly).map((e) => e.destination));

  return (
    <div ref={frame} className="graph" data-ready={boxes.length > 0 || undefined}>
      <div ref={lines} className="graph-layer">
        <svg className="graph-lines" aria-hidden="true">
          <defs>
            <marker id="arrow" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto">
              <path d="M0 0.500L7 4L0 7.500z" fill="context-stroke" />
            </marker>
          </defs>
          {graph.edges.map((e) => {
            const curve = curves.get(e.id);
            return curve && <EdgeLine key={e.id} edge={e} curve={curve} selected={selection === `edge:${e.id}`} dim={dimEdge(e.id)} onSelect={onSelect} />;
          })}
        </svg>
      </div>
      <Dots edges={graph.edges} curves={curves} view={camera.view} faint={dimEdge} />
      <div ref={cards} className="graph-layer">
        {graph.nodes.map((n) => {
          const box = layout?.nodes[n.id];
          return (
            box && (
              <NodeCard key={n.id} node={n} box={box} selected={selection === `node:${n.id}`} dim={dimNode(n.id)} anomalous={anomalous.has(n.id)} view={camera.view} onSelect={onSelect} onMove={move} />
            )
          );
        })}
        {graph.edges.map((e) => {
          const at = labels.get(e.id);
          return at && <EdgeLabel key={e.id} edge={e} at={at} selected={selection === `edge:${e.id}`} dim={dimEdge(e.id)} onSelect={onSelect} />;
        })}
      </div>
      <div className="graph-controls" data-solid>
        <Tip text="Zoom in (+)" side="right">
          <Button icon="plus" aria-label="Zoom in" onClick={() => camera.zoom(1.25)} />
        </Tip>
        <Tip text="Zoom out (−)" side="right">
          <Button icon="minus" aria-label="Zoom out" onClick={() => camera.zoom(0.8)} />
        </Tip>
        <Tip text="Fit everything (0)" side="right">
          <Button icon="fit" aria-label="Fit everything" onClick={() => camera.fit(boxes)} />
        </Tip>
        <Tip text="Arrange anew" side="right">
          <Button
            icon="reset"
            aria-label="Arrange anew"
            onClick={() => {
              fitted.current = "";
              reset();
            }}
          />
        </Tip>
      </div>
    </div>
  );
}

function useShape(frame: { current: HTMLDivElement | null }): Shape | undefined {
  const [shape, setShape] = useState<Shape>();
  useEffect(() => {
    const f = frame.current;
    if (!f) return;
    const look = () => setShape(f.clientWidth < f.clientHeight * 0.8 ? "upright" : "wide");
    const watch = new ResizeObserver(look);
    watch.observe(f);
    look();
    return () => watch.disconnect();
  }, [frame]);
  return shape;
}

/** The selected thing and its neighbours. */
function nearOf(graph: Graph, selection: string | undefined): Found | undefined {
  if (!selection) return undefined;
  const [kind, id] = [selection.slice(0, 4), selection.slice(5)];
  const touching = graph.edges.filter((e) => (kind === "edge" ? e.id === id : e.source === id || e.destination === id));
  if (touching.length === 0) return undefined;
  return { nodes: new Set(touching.flatMap((e) => [e.source, e.destination])), edges: new Set(touching.map((e) => e.id)) };
}
