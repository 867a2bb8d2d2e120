import { Graph as Dag, layout as arrange } from "@dagrejs/dagre";

// Where the services of the map stand. No I/O and no DOM: this runs in a worker.

export type Direction = "LR" | "TB";

export interface Point {
  x: number;
  y: number;
}

export interface Box extends Point {
  w: number;
  h: number;
}

export interface LayoutInput {
  direction: Direction;
  nodes: { id: string; w: number; h: number }[];
  edges: { id: string; source: string; destination: string }[];
}

export interface Arranged {
  direction: Direction;
  layout: Layout;
}

export interface Layout {
  nodes: Record<string, Box>; // x, y is the upper left corner
  bends: Record<string, Point[]>; // by edge id, without the ends
}

/** How much a layout has to shrink to fit a window. */
export function scaleIn(l: Layout, window: { w: number; h: number }): number {
  const boxes = Object.values(l.nodes);
  const w = Math.max(...boxes.map((b) => b.x + b.w)) - Math.min(...boxes.map((b) => b.x));
  const h = Math.max(...boxes.map((b) => b.y + b.h)) - Math.min(...boxes.map((b) => b.y));
  return Math.min(1, window.w / w, window.h / h);
}

/** The layout, from left to right or from the top down, that shows larger in a window. */
export function best(input: Omit<LayoutInput, "direction">, window: { w: number; h: number }): Arranged {
  const [across, down] = (["LR", "TB"] as const).map((direction) => ({ direction, layout: layout({ ...input, direction }) })) as [Arranged, Arranged];
  // Reading goes from left to right: from the top down has to be clearly better.
  return scaleIn(across.layout, window) * 1.1 >= scaleIn(down.layout, window) ? across : down;
}

export const NODE_WIDTH = 206;
const HEAD = 54;
const ROW = 20;

/** The height of a card: its versions are shown where there are several. */
export function nodeHeight(versions: number): number {
  return versions > 1 ? HEAD + 7 + versions * ROW : HEAD;
}

export function layout(input: LayoutInput): Layout {
  const dag = new Dag({ multigraph: true });
  const wide = input.direction === "LR";
  dag.setGraph({ rankdir: input.direction, nodesep: wide ? 34 : 26, ranksep: wide ? 128 : 66, edgesep: 24, marginx: 0, marginy: 0 });
  dag.setDefaultEdgeLabel(() => ({}));
  for (const n of input.nodes) dag.setNode(n.id, { width: n.w, height: n.h });
  for (const e of input.edges) {
    if (dag.hasNode(e.source) && dag.hasNode(e.destination) && e.source !== e.destination) dag.setEdge(e.source, e.destination, {}, e.id);
  }
  arrange(dag);
  const out: Layout = { nodes: {}, bends: {} };
  for (const n of input.nodes) {
    const at = dag.node(n.id) as { x: number; y: number };
    out.nodes[n.id] = { x: at.x - n.w / 2, y: at.y - n.h / 2, w: n.w, h: n.h };
  }
  for (const e of input.edges) {
    const found = dag.edge(e.source, e.destination, e.id) as { points?: Point[] } | undefined;
    out.bends[e.id] = (found?.points ?? []).slice(1, -1);
  }
  return out;
}

/**
 * Keeps what was placed before where it was: only new nodes are placed, beside where
 * the fresh layout has them. With more than a third of them new it is a new picture,
 * and the fresh layout is taken as it is.
 */
export function pin(fresh: Layout, pins: Record<string, Point>): Layout {
  const ids = Object.keys(fresh.nodes);
  const kept = ids.filter((id) => pins[id]);
  if (kept.length < ids.length * (2 / 3)) return fresh;
  const shift = meanShift(fresh, pins, kept);
  const out: Layout = { nodes: {}, bends: {} };
  const placed: Box[] = [];
  for (const id of kept) {
    const box = { ...fresh.nodes[id]!, ...pins[id]! };
    out.nodes[id] = box;
    placed.push(box);
  }
  for (const id of ids) {
    if (out.nodes[id]) continue;
    const from = fresh.nodes[id]!;
    const box = clearOf({ ...from, x: from.x + shift.x, y: from.y + shift.y }, placed);
    out.nodes[id] = box;
    placed.push(box);
  }
  const moved = new Set(ids.filter((id) => apart(out.nodes[id]!, fresh.nodes[id]!, shift) > 1));
  for (const [edge, points] of Object.entries(fresh.bends)) {
    // A bend only fits where both ends stand as the fresh layout has them.
    const still = moved.size === 0;
    out.bends[edge] = still ? points.map((p) => ({ x: p.x + shift.x, y: p.y + shift.y })) : [];
  }
  return out;
}

function meanShift(fresh: Layout, pins: Record<string, Point>, kept: string[]): Point {
  const sum = { x: 0, y: 0 };
  for (const id of kept) {
    sum.x += pins[id]!.x - fresh.nodes[id]!.x;
    sum.y += pins[id]!.y - fresh.nodes[id]!.y;
  }
  return { x: sum.x / kept.length, y: sum.y / kept.length };
}

function apart(a: Point, b: Point, shift: Point): number {
  return Math.hypot(a.x - b.x - shift.x, a.y - b.y - shift.y);
}

/** Moves a box down until it touches none of the others. */
export function clearOf(box: Box, others: readonly Box[]): Box {
  const gap = 16;
  const hit = others.find((o) => box.x < o.x + o.w + gap && o.x < box.x + box.w + gap && box.y < o.y + o.h + gap && o.y < box.y + box.h + gap);
  return hit ? clearOf({ ...box, y: hit.y + hit.h + gap }, others) : box;
}
