import type { TraceFilter } from "../api/queries";

export const RANGES: Record<string, { name: string; minutes: number }> = {
  "5m": { name: "Last 5 min", minutes: 5 },
  "15m": { name: "Last 15 min", minutes: 15 },
  "1h": { name: "Last hour", minutes: 60 },
  "6h": { name: "Last 6 h", minutes: 360 },
  "24h": { name: "Last 24 h", minutes: 1440 },
  "7d": { name: "Last 7 days", minutes: 10080 },
};

const ARRIVAL = 3000; // ms: the spans of a younger trace are still on their way from the sidecars

/** The period a range means, ending as near to now as traces are whole. An unknown range is the last hour. */
export function periodOf(range: string | undefined, now: Date): { start: string; end: string } {
  const minutes = (RANGES[range ?? "1h"] ?? RANGES["1h"]!).minutes;
  const end = now.getTime() - ARRIVAL;
  return { start: new Date(end - minutes * 60_000).toISOString(), end: new Date(end).toISOString() };
}

/** Whether a text is a duration as the API reads it: "250ms", "1.5s", "1m30s". */
export function isDuration(text: string): boolean {
  return /^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(text) && !/^(0(\.0+)?[a-zµ]+)+$/.test(text);
}

export function isFiltered(f: TraceFilter): boolean {
  return Boolean(f.service || f.status || f.min || f.max || f.q);
}
