// A histogram as bars: what stands in each.

import { SEVERITIES, type LogHistogram, type Severity } from "../api/log";

export interface Bar {
  start: number; // ms since 1970
  end: number;
  total: number;
  parts: { severity: Severity; count: number }[]; // the gravest first
}

export function barsOf(h: LogHistogram): Bar[] {
  const start = Date.parse(h.start);
  const end = Date.parse(h.end);
  const length = Math.max(1, Math.ceil((end - start) / h.stepMs));
  return Array.from({ length }, (_, i) => {
    const parts = SEVERITIES.map((severity) => ({ severity, count: h.bins[severity]?.[i] ?? 0 })).filter((p) => p.count > 0);
    return {
      start: start + i * h.stepMs,
      end: Math.min(start + (i + 1) * h.stepMs, end),
      total: parts.reduce((sum, p) => sum + p.count, 0),
      parts,
    };
  });
}

/** How many rows of each severity there are, those that there are. */
export function totalsOf(h: LogHistogram): { severity: Severity; count: number }[] {
  return SEVERITIES.map((severity) => ({ severity, count: (h.bins[severity] ?? []).reduce((a, b) => a + b, 0) })).filter((t) => t.count > 0);
}
