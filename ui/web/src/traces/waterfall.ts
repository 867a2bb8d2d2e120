import type { Span } from "../api/trace";

// A trace as rows. No DOM, and no recursion: a trace may be 100,000 spans deep.

export interface Row {
  span: Span;
  inner?: Span; // the callee's side of the same hop, folded into this row
  depth: number;
  children: number; // rows directly beneath, shown or not
  start: number; // ms from the trace's start
  duration: number; // ms
  error: boolean;
}

export interface Picture {
  rows: Row[];
  total: number; // ms
  services: string[]; // in order of appearance
}

export interface Options {
  hops: boolean; // both sides of each hop in rows of their own
  closed: ReadonlySet<string>; // span ids whose children are hidden
}

/** Milliseconds since 1970 with the fraction that Date.parse drops. */
export function exactMs(iso: string): number {
  const whole = Date.parse(iso);
  const fraction = /\.(\d+)/.exec(iso)?.[1];
  if (!fraction) return whole;
  return Math.floor(whole / 1000) * 1000 + Number(`0.${fraction}`) * 1000;
}

export function picture(spans: readonly Span[], o: Options): Picture {
  const start = new Map<string, number>();
  for (const s of spans) start.set(s.spanId, exactMs(s.start));
  const at = (s: Span) => start.get(s.spanId) ?? 0;
  const children = new Map<string, Span[]>();
  const roots: Span[] = [];
  for (const s of spans) {
    // A parent that is not here (not sampled, or another system's) makes a root.
    if (!s.parentId || !start.has(s.parentId) || s.parentId === s.spanId) roots.push(s);
    else if (children.has(s.parentId)) children.get(s.parentId)!.push(s);
    else children.set(s.parentId, [s]);
  }
  const byStart = (a: Span, b: Span) => at(a) - at(b);
  for (const list of children.values()) list.sort(byStart);
  roots.sort(byStart);

  const zero = roots.reduce((least, s) => Math.min(least, at(s)), Infinity);
  const rows: Row[] = [];
  const services: string[] = [];
  let end = 0;
  const todo = roots.map((span) => ({ span, depth: 0 })).reverse();
  while (todo.length > 0) {
    const { span, depth } = todo.pop()!;
    const inner = o.hops ? undefined : otherSide(span, children.get(span.spanId));
    const below = children.get((inner ?? span).spanId) ?? [];
    const duration = span.durationNs / 1e6;
    rows.push({ span, inner, depth, children: below.length, start: at(span) - zero, duration, error: span.status === "error" || inner?.status === "error" });
    end = Math.max(end, at(span) - zero + duration);
    const name = serviceOf({ span, inner });
    if (!services.includes(name)) services.push(name);
    if (!o.closed.has(span.spanId)) for (let i = below.length - 1; i >= 0; i--) todo.push({ span: below[i]!, depth: depth + 1 });
  }
  return { rows, total: Math.max(end, 0.001), services };
}

/** The callee's span of a hop, where the caller's sidecar saw exactly one. */
function otherSide(span: Span, below: readonly Span[] | undefined): Span | undefined {
  const only = below?.length === 1 ? below[0] : undefined;
  return span.mesh && span.kind === "client" && only?.mesh && only.kind === "server" ? only : undefined;
}

/** Whose work a row shows: the callee's, for a hop. */
export function serviceOf(r: Pick<Row, "span" | "inner">): string {
  return (r.inner ?? r.span).service;
}

/** Round times for the scale: at most `most` of them. */
export function ticks(total: number, most: number): number[] {
  const rough = total / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough) ?? power * 10;
  const out: number[] = [];
  for (let t = 0; t < total; t += step) out.push(t);
  return out;
}

/** One of eight colours, the same for a service wherever it shows. */
export function hueOf(service: string): number {
  let h = 0x811c9dc5; // FNV-1a: near names get far colours
  for (const c of service) h = Math.imul(h ^ c.charCodeAt(0), 0x01000193) >>> 0;
  return (h >>> 7) % 8;
}
