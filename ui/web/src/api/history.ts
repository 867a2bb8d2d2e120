import type { Graph, Rates } from "./graph";

/** Columns of samples, oldest first, as charts take them. Times are in seconds. */
export interface Samples {
  t: number[];
  rps: number[];
  failed: number[]; // per second
  p50: number[];
  p95: number[];
  p99: number[];
}

const KEEP = 300; // samples: five minutes of seconds

export function emptySamples(): Samples {
  return { t: [], rps: [], failed: [], p50: [], p95: [], p99: [] };
}

/** What the live stream said of each node and edge since the page was opened. */
export class History {
  private readonly of = new Map<string, Samples>();

  add(graph: Graph): void {
    const t = Date.parse(graph.end) / 1000;
    if (!(t > 0)) return;
    for (const n of graph.nodes) this.push(`node:${n.id}`, t, n);
    for (const e of graph.edges) this.push(`edge:${e.id}`, t, e);
  }

  /** The samples of "node:cart" or "edge:gateway→cart". A copy: charts compare by identity. */
  read(key: string): Samples {
    const s = this.of.get(key) ?? emptySamples();
    return { t: [...s.t], rps: [...s.rps], failed: [...s.failed], p50: [...s.p50], p95: [...s.p95], p99: [...s.p99] };
  }

  private push(key: string, t: number, r: Rates): void {
    let s = this.of.get(key);
    if (!s) this.of.set(key, (s = emptySamples()));
    if (t <= (s.t.at(-1) ?? 0)) return;
    s.t.push(t);
    s.rps.push(r.rps);
    s.failed.push(r.rps * r.errorShare);
    s.p50.push(r.p50);
    s.p95.push(r.p95);
    s.p99.push(r.p99);
    if (s.t.length > KEEP) for (const column of Object.values(s) as number[][]) column.shift();
  }
}
