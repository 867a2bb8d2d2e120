import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { Graph } from "../api/graph";
import { NODE_WIDTH, nodeHeight, pin, type Direction, type Layout, type Point } from "./layout";

type Pins = Record<string, Point>;

function readPins(direction: Direction): Pins {
  try {
    return JSON.parse(localStorage.getItem(`sightline.map.${direction}`) ?? "{}") as Pins;
  } catch {
    return {};
  }
}

function writePins(direction: Direction, layout: Layout): void {
  const pins: Pins = { ...readPins(direction) };
  for (const [id, b] of Object.entries(layout.nodes)) pins[id] = { x: Math.round(b.x), y: Math.round(b.y) };
  localStorage.setItem(`sightline.map.${direction}`, JSON.stringify(pins));
}

/**
 * Places a graph's nodes in a worker, anew only when a node or an edge comes or goes,
 * and remembers the places over reloads.
 */
export function useLayout(graph: Graph | undefined, direction: Direction | undefined) {
  const [placed, setPlaced] = useState<Layout>();
  const worker = useRef<Worker | null>(null);
  const job = useRef(0);
  const heights = useRef(new Map<string, number>());

  useEffect(() => {
    const w = new Worker(new URL("./layout.worker.ts", import.meta.url), { type: "module" });
    worker.current = w;
    return () => w.terminate();
  }, []);

  const input = useMemo(() => {
    if (!graph) return undefined;
    // A card keeps the height of the most versions it ever had: nothing jumps when one goes quiet.
    const nodes = graph.nodes.map((n) => {
      const h = Math.max(heights.current.get(n.id) ?? 0, nodeHeight(n.versions?.length ?? 0));
      heights.current.set(n.id, h);
      return { id: n.id, w: NODE_WIDTH, h };
    });
    return { nodes, edges: graph.edges.map(({ id, source, destination }) => ({ id, source, destination })) };
  }, [graph]);
  const shape = input && JSON.stringify(input);

  useEffect(() => {
    const w = worker.current;
    if (!w || !shape || !direction) return;
    const n = ++job.current;
    const take = (m: MessageEvent<{ n: number; layout: Layout }>) => {
      if (m.data.n !== job.current) return;
      const next = pin(m.data.layout, readPins(direction));
      writePins(direction, next);
      setPlaced(next);
    };
    w.addEventListener("message", take);
    w.postMessage({ n, input: { ...(JSON.parse(shape) as object), direction } });
    return () => w.removeEventListener("message", take);
  }, [shape, direction]);

  const move = useCallback(
    (id: string, to: Point) => {
      setPlaced((old) => {
        const box = old?.nodes[id];
        if (!old || !box || !direction) return old;
        const next: Layout = { nodes: { ...old.nodes, [id]: { ...box, ...to } }, bends: {} };
        writePins(direction, next);
        return next;
      });
    },
    [direction],
  );

  const reset = useCallback(() => {
    if (!direction || !shape) return;
    localStorage.removeItem(`sightline.map.${direction}`);
    worker.current?.postMessage({ n: ++job.current, input: { ...(JSON.parse(shape) as object), direction } });
    worker.current?.addEventListener("message", (m: MessageEvent<{ layout: Layout }>) => {
      writePins(direction, m.data.layout);
      setPlaced(m.data.layout);
    }, { once: true });
  }, [direction, shape]);

  return { layout: placed, move, reset };
}
