import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { Graph } from "../api/graph";
import { NODE_WIDTH, nodeHeight, pin, type Arranged, type Direction, type Layout, type Point } from "./layout";
import type { Done, Job } from "./layout.worker";

/** Windows of one shape share their places: upright ones and wide ones do not. */
export type Shape = "upright" | "wide";

interface Saved {
  direction?: Direction;
  pins: Record<string, Point>;
}

const keyOf = (shape: Shape) => `sightline.map.${shape}`;

function load(shape: Shape): Saved {
  try {
    return { pins: {}, ...(JSON.parse(localStorage.getItem(keyOf(shape)) ?? "{}") as Partial<Saved>) };
  } catch {
    return { pins: {} };
  }
}

function save(shape: Shape, direction: Direction, layout: Layout): void {
  const before = load(shape);
  const pins = before.direction === direction ? { ...before.pins } : {};
  for (const [id, b] of Object.entries(layout.nodes)) pins[id] = { x: Math.round(b.x), y: Math.round(b.y) };
  localStorage.setItem(keyOf(shape), JSON.stringify({ direction, pins } satisfies Saved));
}

/**
 * Places a graph's nodes in a worker, anew only when a node or an edge comes or goes,
 * and remembers the places over reloads.
 */
export function useLayout(graph: Graph, shape: Shape | undefined, window: { current: HTMLElement | null }) {
  const [placed, setPlaced] = useState<Arranged>();
  const [rounds, setRounds] = useState(0); // of arranging anew
  const worker = useRef<Worker | null>(null);
  const job = useRef(0);
  const heights = useRef(new Map<string, number>());

  useEffect(() => {
    const w = new Worker(new URL("./layout.worker.ts", import.meta.url), { type: "module" });
    worker.current = w;
    return () => w.terminate();
  }, []);

  const text = useMemo(() => {
    // A card keeps the height of the most versions it ever had: nothing jumps when one goes quiet.
    const nodes = graph.nodes.map((n) => {
      const h = Math.max(heights.current.get(n.id) ?? 0, nodeHeight(n.versions?.length ?? 0));
      heights.current.set(n.id, h);
      return { id: n.id, w: NODE_WIDTH, h };
    });
    return JSON.stringify({ nodes, edges: graph.edges.map(({ id, source, destination }) => ({ id, source, destination })) });
  }, [graph]);

  useEffect(() => {
    const w = worker.current;
    const f = window.current;
    if (!w || !f || !shape) return;
    const n = ++job.current;
    const { direction, pins } = load(shape);
    const input = JSON.parse(text) as Job["input"];
    const known = input.nodes.filter((node) => pins[node.id]).length >= input.nodes.length * (2 / 3);
    const take = (m: MessageEvent<Done>) => {
      if (m.data.n !== n) return;
      const layout = known ? pin(m.data.layout, pins) : m.data.layout;
      save(shape, m.data.direction, layout);
      setPlaced({ direction: m.data.direction, layout });
    };
    w.addEventListener("message", take);
    w.postMessage({ n, input, window: { w: f.clientWidth, h: f.clientHeight }, keep: known ? direction : undefined } satisfies Job);
    return () => w.removeEventListener("message", take);
  }, [text, shape, rounds, window]);

  const move = useCallback(
    (id: string, to: Point) => {
      setPlaced((old) => {
        const box = old?.layout.nodes[id];
        if (!old || !box || !shape) return old;
        const layout: Layout = { nodes: { ...old.layout.nodes, [id]: { ...box, ...to } }, bends: {} };
        save(shape, old.direction, layout);
        return { ...old, layout };
      });
    },
    [shape],
  );

  const reset = useCallback(() => {
    if (shape) localStorage.removeItem(keyOf(shape));
    setRounds((n) => n + 1);
  }, [shape]);

  return { layout: placed?.layout, direction: placed?.direction, move, reset };
}
