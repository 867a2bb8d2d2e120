// Where the cells of a heatmap stand, and what a rectangle on it means.

import type { Heatmap } from "../api/search";

export interface Box {
  from: number; // ms since 1970
  to: number;
  low: number; // ns
  high: number;
}

export interface Area {
  x: number;
  y: number;
  w: number;
  h: number;
}

/** A cell of the grid, whether or not there is anything in it. */
export interface Cell {
  column: number;
  bucket: number;
}

export interface Point {
  x: number;
  y: number;
}

export function between(a: Point, b: Point): Area {
  return { x: Math.min(a.x, b.x), y: Math.min(a.y, b.y), w: Math.abs(a.x - b.x), h: Math.abs(a.y - b.y) };
}

/** The area with so much more on every side: a finger covers more than a point. */
export function wider(a: Area, by: number): Area {
  return { x: a.x - by, y: a.y - by, w: a.w + 2 * by, h: a.h + 2 * by };
}

export const PAD = { left: 64, right: 12, top: 8, bottom: 20 };

/** The duration at the lower bound of a bucket, in ns. */
export function boundOf(h: Heatmap, bucket: number): number {
  return 2 ** (bucket / 2 ** h.scale) * 1e6;
}

/** Scales for a heatmap of a size: rows from the fastest bucket to the slowest, with one to spare. */
export function scalesOf(h: Heatmap, size: { w: number; h: number }) {
  const start = Date.parse(h.start);
  const columns = Math.max(1, Math.ceil((Date.parse(h.end) - start) / h.stepMs));
  const buckets = h.cells.length > 0 ? h.cells.map((c) => c.bucket) : [0];
  const least = Math.min(...buckets) - 1;
  const most = Math.max(...buckets, least + 8) + 1;
  const cw = (size.w - PAD.left - PAD.right) / columns;
  const ch = (size.h - PAD.top - PAD.bottom) / (most - least + 1);
  const x = (column: number) => PAD.left + column * cw;
  const y = (bucket: number) => size.h - PAD.bottom - (bucket - least) * ch; // of its lower bound
  const within = (v: number, low: number, high: number) => Math.max(low, Math.min(high, v));
  return {
    cw, ch, x, y,
    /** The cell of the grid that is nearest to one. */
    nearest: (c: Cell): Cell => ({ column: within(c.column, 0, columns - 1), bucket: within(c.bucket, least, most) }),
    centre: (c: Cell): Point => ({ x: x(c.column) + cw / 2, y: y(c.bucket) - ch / 2 }),
    cell: (column: number, bucket: number): Area => ({ x: x(column), y: y(bucket + 1), w: cw, h: ch }),
    lines: roundDurations(boundOf(h, least), boundOf(h, most)).map((ns) => ({ ns, y: y(Math.log2(ns / 1e6) * 2 ** h.scale) })),
    /** The whole cells that an area touches. */
    box: (a: Area): Box => {
      const first = within(Math.floor((a.x - PAD.left) / cw), 0, columns - 1);
      const last = within(Math.floor((a.x + a.w - PAD.left) / cw), first, columns - 1);
      const bucket = (py: number) => least + Math.floor((size.h - PAD.bottom - py) / ch);
      const low = within(bucket(a.y + a.h), least, most);
      const high = within(bucket(a.y), low, most);
      return { from: start + first * h.stepMs, to: Math.min(start + (last + 1) * h.stepMs, Date.parse(h.end)), low: boundOf(h, low), high: boundOf(h, high + 1) };
    },
    area: (b: Box): Area => {
      const left = x((b.from - start) / h.stepMs);
      const top = y(Math.log2(b.high / 1e6) * 2 ** h.scale);
      return { x: left, y: top, w: x((b.to - start) / h.stepMs) - left, h: y(Math.log2(b.low / 1e6) * 2 ** h.scale) - top };
    },
  };
}

/** 1, 10, 100 µs, ms, s between two durations, with threes where few fit. */
function roundDurations(low: number, high: number): number[] {
  const steps = Math.log10(high / low) > 2.5 ? [1] : [1, 3];
  const out: number[] = [];
  for (let p = Math.floor(Math.log10(low)); p <= Math.ceil(Math.log10(high)); p++) {
    for (const s of steps) if (s * 10 ** p >= low && s * 10 ** p <= high) out.push(s * 10 ** p);
  }
  return out;
}

/**
 * The bound, in ns, above which about so large a share of the spans lies. Buckets are
 * coarse: up to four times as many may. Undefined where no bound parts them so.
 */
export function slowBound(h: Heatmap, share: number): number | undefined {
  const byBucket = new Map<number, number>();
  for (const c of h.cells) byBucket.set(c.bucket, (byBucket.get(c.bucket) ?? 0) + c.spans);
  let above = 0;
  let bound: number | undefined;
  for (const bucket of [...byBucket.keys()].sort((a, b) => b - a)) {
    if (above >= h.spans * share) break;
    above += byBucket.get(bucket)!;
    if (above > h.spans * Math.min(4 * share, 0.5)) break;
    bound = boundOf(h, bucket);
  }
  return bound;
}

/** A bound as the filter language has it, in whole microseconds. */
export function durationText(ns: number): string {
  return ns >= 1e9 ? `${Number((ns / 1e9).toFixed(3))}s` : ns >= 1e6 ? `${Number((ns / 1e6).toFixed(3))}ms` : `${Math.max(1, Math.round(ns / 1e3))}us`;
}

/** A box in a URL, and back. */
export function boxText(b: Box): string {
  return [b.from, b.to, Math.round(b.low), Math.round(b.high)].join("_");
}

export function boxOf(text: string | undefined): Box | undefined {
  const [from, to, low, high, more] = (text ?? "").split("_").map(Number);
  if (more !== undefined || !(from! < to!) || !(low! < high!) || !(low! > 0)) return undefined;
  return { from: from!, to: to!, low: low!, high: high! };
}

/** What spans in a box meet, but for the time. */
export function boxFilter(b: Box): string {
  return `duration > ${durationText(b.low)} AND duration <= ${durationText(b.high)}`;
}
