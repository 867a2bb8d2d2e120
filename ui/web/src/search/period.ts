// The one control of time: a range that ends now, or two times.

export interface Period {
  start: string;
  end: string;
}

/** What of a URL says a time; from and to outrank the range. */
export interface PeriodChoice {
  range?: string;
  from?: string;
  to?: string;
}

export const RANGES: Record<string, { name: string; minutes: number }> = {
  "5m": { name: "Last 5 min", minutes: 5 },
  "15m": { name: "Last 15 min", minutes: 15 },
  "1h": { name: "Last hour", minutes: 60 },
  "6h": { name: "Last 6 h", minutes: 360 },
  "24h": { name: "Last 24 h", minutes: 1440 },
  "7d": { name: "Last 7 days", minutes: 10080 },
};

const ARRIVAL = 3000; // ms: what is younger is still on its way from the sidecars

/** Whether both times are there and in order. */
export function isAbsolute(c: PeriodChoice): c is Required<Pick<PeriodChoice, "from" | "to">> {
  return Date.parse(c.from ?? "") < Date.parse(c.to ?? "");
}

/** The period a choice means; a range ends as near to now as all is there. An unknown range is the last hour. */
export function periodOf(c: PeriodChoice, now: Date): Period {
  if (isAbsolute(c)) return { start: new Date(c.from).toISOString(), end: new Date(c.to).toISOString() };
  const minutes = (RANGES[c.range ?? "1h"] ?? RANGES["1h"]!).minutes;
  const end = now.getTime() - ARRIVAL;
  return { start: new Date(end - minutes * 60_000).toISOString(), end: new Date(end).toISOString() };
}
