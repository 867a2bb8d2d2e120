import type { TraceSummary } from "../api/trace";

export interface Spot {
  x: number;
  y: number;
  trace: TraceSummary;
}

const PAD = { left: 64, right: 12, top: 10, bottom: 20 };

/** Where traces stand on the scatter, and the lines and times of its scales. */
export function spots(traces: readonly TraceSummary[], size: { w: number; h: number }) {
  const at = traces.map((t) => Date.parse(t.start));
  const from = Math.min(...at);
  const to = Math.max(...at, from + 1000);
  const low = Math.log10(Math.max(1000, Math.min(...traces.map((t) => t.durationNs)) * 0.8));
  const high = Math.max(low + 0.3, Math.log10(Math.max(...traces.map((t) => t.durationNs), 2000) * 1.25));
  const x = (t: number) => PAD.left + ((t - from) / (to - from)) * (size.w - PAD.left - PAD.right);
  const y = (duration: number) => {
    const share = (Math.log10(Math.max(duration, 1)) - low) / (high - low);
    return size.h - PAD.bottom - Math.max(0, Math.min(1, share)) * (size.h - PAD.bottom - PAD.top);
  };
  return {
    spots: traces.map((trace, i): Spot => ({ x: x(at[i]!), y: y(trace.durationNs), trace })),
    lines: decades(low, high).map((durationNs) => ({ durationNs, y: y(durationNs) })),
    times: [0.15, 0.5, 0.85].map((s) => ({ at: from + (to - from) * s, x: x(from + (to - from) * s) })),
  };
}

/** Round durations between two powers of ten: 1 ms, 10 ms…, with 2s and 5s when few fit. */
function decades(low: number, high: number): number[] {
  const out: number[] = [];
  const steps = high - low > 1.5 ? [1] : high - low > 0.8 ? [1, 3] : [1, 2, 5];
  for (let p = Math.floor(low); p <= Math.ceil(high); p++) {
    for (const s of steps) {
      const v = s * 10 ** p;
      if (Math.log10(v) >= low && Math.log10(v) <= high) out.push(v);
    }
  }
  return out;
}
