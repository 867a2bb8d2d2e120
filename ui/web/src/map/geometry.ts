import type { Box, Direction, Layout, Point } from "./layout";

// The lines between services: smooth curves, each also as a walk of short steps, so
// that a dot or a label can stand at any distance along it.

export interface Curve {
  path: string; // of SVG
  walk: Point[];
  at: number[]; // distance of each point of the walk from the start
  length: number;
}

interface Ends {
  id: string;
  source: string;
  destination: string;
}

const STEPS = 18; // of the walk per piece of a curve

export function curves(edges: readonly Ends[], layout: Layout, direction: Direction): Map<string, Curve> {
  const out = new Map<string, Curve>();
  const starts = ports(edges, layout, direction, "source");
  const ends = ports(edges, layout, direction, "destination");
  for (const e of edges) {
    const a = starts.get(e.id);
    const b = ends.get(e.id);
    if (a && b) out.set(e.id, curve([a, ...(layout.bends[e.id] ?? []), b], direction));
  }
  return out;
}

/** Spreads the lines at one side of a card, in the order of where they lead. */
function ports(edges: readonly Ends[], layout: Layout, direction: Direction, end: "source" | "destination"): Map<string, Point> {
  const other = end === "source" ? "destination" : "source";
  const byNode = new Map<string, Ends[]>();
  for (const e of edges) if (layout.nodes[e[end]] && layout.nodes[e[other]]) byNode.set(e[end], [...(byNode.get(e[end]) ?? []), e]);
  const out = new Map<string, Point>();
  for (const [id, all] of byNode) {
    const box = layout.nodes[id]!;
    const far = (e: Ends) => (direction === "LR" ? layout.nodes[e[other]]!.y : layout.nodes[e[other]]!.x);
    all.sort((x, y) => far(x) - far(y));
    const room = direction === "LR" ? 34 : box.w - 60;
    const gap = Math.min(11, room / all.length);
    all.forEach((e, i) => out.set(e.id, port(box, (i - (all.length - 1) / 2) * gap, direction, end)));
  }
  return out;
}

function port(box: Box, shift: number, direction: Direction, end: "source" | "destination"): Point {
  const away = end === "source" ? 1 : 0;
  if (direction === "LR") return { x: box.x + box.w * away + (away ? 0 : -6), y: box.y + 27 + shift };
  return { x: box.x + box.w / 2 + shift, y: box.y + box.h * away + (away ? 0 : -6) };
}

export function curve(points: readonly Point[], direction: Direction): Curve {
  let path = `M${round(points[0]!)}`;
  const walk: Point[] = [points[0]!];
  for (let i = 1; i < points.length; i++) {
    const a = points[i - 1]!;
    const b = points[i]!;
    const [c, d] = handles(a, b, direction);
    path += `C${round(c)} ${round(d)} ${round(b)}`;
    for (let s = 1; s <= STEPS; s++) walk.push(bezier(a, c, d, b, s / STEPS));
  }
  const at = [0];
  for (let i = 1; i < walk.length; i++) at.push(at[i - 1]! + Math.hypot(walk[i]!.x - walk[i - 1]!.x, walk[i]!.y - walk[i - 1]!.y));
  return { path, walk, at, length: at.at(-1)! };
}

function handles(a: Point, b: Point, direction: Direction): [Point, Point] {
  if (direction === "LR") {
    const reach = Math.max(Math.abs(b.x - a.x) / 2, b.x < a.x ? 80 : 24);
    return [{ x: a.x + reach, y: a.y }, { x: b.x - reach, y: b.y }];
  }
  const reach = Math.max(Math.abs(b.y - a.y) / 2, b.y < a.y ? 80 : 24);
  return [{ x: a.x, y: a.y + reach }, { x: b.x, y: b.y - reach }];
}

function bezier(a: Point, c: Point, d: Point, b: Point, t: number): Point {
  const u = 1 - t;
  const mix = (p: number, q: number, r: number, s: number) => u * u * u * p + 3 * u * u * t * q + 3 * u * t * t * r + t * t * t * s;
  return { x: mix(a.x, c.x, d.x, b.x), y: mix(a.y, c.y, d.y, b.y) };
}

function round(p: Point): string {
  return `${p.x.toFixed(1)},${p.y.toFixed(1)}`;
}

/** The point at a distance from the curve's start. */
export function pointAt(c: Curve, distance: number): Point {
  const d = Math.max(0, Math.min(distance, c.length));
  let low = 0;
  let high = c.at.length - 1;
  while (high - low > 1) {
    const mid = (low + high) >> 1;
    if (c.at[mid]! <= d) low = mid;
    else high = mid;
  }
  const a = c.walk[low]!;
  const b = c.walk[high]!;
  const t = (d - c.at[low]!) / (c.at[high]! - c.at[low]! || 1);
  return { x: a.x + (b.x - a.x) * t, y: a.y + (b.y - a.y) * t };
}

/** The piece of a curve between two distances, as an SVG path. */
export function piece(c: Curve, from: number, to: number): string {
  const inside = c.walk.filter((_, i) => c.at[i]! > from && c.at[i]! < to);
  return `M${[pointAt(c, from), ...inside, pointAt(c, to)].map(round).join("L")}`;
}

/** The direction a curve has at a distance, in degrees. */
export function angleAt(c: Curve, distance: number): number {
  const a = pointAt(c, distance - 2);
  const b = pointAt(c, distance + 2);
  return (Math.atan2(b.y - a.y, b.x - a.x) * 180) / Math.PI;
}

const LABEL = { w: 104, h: 20 };

/** Where the labels stand: near the middle of their lines, off the cards and each other. */
export function placeLabels(all: Map<string, Curve>, nodes: readonly Box[]): Map<string, Point> {
  const taken: Box[] = [...nodes];
  const out = new Map<string, Point>();
  for (const [id, c] of all) {
    const spots = [0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74].map((t) => pointAt(c, c.length * t));
    const spot = spots.find((p) => !taken.some((b) => covers(b, p))) ?? spots[0]!;
    out.set(id, spot);
    taken.push({ x: spot.x - LABEL.w / 2, y: spot.y - LABEL.h / 2, ...LABEL });
  }
  return out;
}

function covers(b: Box, p: Point): boolean {
  return b.x < p.x + LABEL.w / 2 && p.x - LABEL.w / 2 < b.x + b.w && b.y < p.y + LABEL.h / 2 && p.y - LABEL.h / 2 < b.y + b.h;
}

const MOST = 4.5; // dots per second on the busiest line

/** How many dots a second stand for a rate: a line with 100 times the rate has 10 times the dots. */
export function dotsPerSecond(rps: number): number {
  return rps <= 0 ? 0 : Math.min(MOST, Math.max(0.15, Math.sqrt(rps) / 3));
}
