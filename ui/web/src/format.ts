// Numbers and times as people read them: three significant digits, always a unit.

const NARROW = "\u202f"; // narrow no-break space between a number and its unit

function digits(v: number): string {
  if (v === 0) return "0";
  if (v >= 99.95) return Math.round(v).toLocaleString("en");
  if (v >= 9.995) return v.toFixed(1).replace(/\.0$/, "");
  return v.toFixed(2).replace(/\.?0+$/, "") || "0";
}

/** 212 → "212 /s", 12840 → "12.8k /s". */
export function rate(perSecond: number): string {
  return `${compact(perSecond)}${NARROW}/s`;
}

/** 1284000 → "1.28M". */
export function compact(n: number): string {
  if (!Number.isFinite(n)) return "–";
  if (n >= 999_500) return `${digits(n / 1e6)}M`;
  if (n >= 9_995) return `${digits(n / 1e3)}k`;
  if (n > 0 && n < 0.01) return "<0.01";
  return digits(n);
}

/** A size, in units of 1,024. */
export function bytes(n: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let at = 0;
  while (n >= 999.5 && at < units.length - 1) {
    n /= 1024;
    at++;
  }
  return `${digits(n)}${NARROW}${units[at]}`;
}

/** 0.0213 → "2.13 %"; a share that is not 0 never reads as 0. */
export function share(part: number): string {
  if (!Number.isFinite(part)) return "–";
  const percent = part * 100;
  if (percent > 0 && percent < 0.01) return `<0.01${NARROW}%`;
  return `${digits(percent)}${NARROW}%`;
}

/** Milliseconds as µs, ms, s or min. */
export function ms(v: number): string {
  if (!Number.isFinite(v)) return "–";
  if (v === 0) return `0${NARROW}ms`;
  if (v < 1) return `${Math.round(v * 1000)}${NARROW}µs`;
  if (v < 999.5) return `${digits(v)}${NARROW}ms`;
  if (v < 59_950) return `${digits(v / 1000)}${NARROW}s`;
  return `${digits(v / 60_000)}${NARROW}min`;
}

export function ns(v: number): string {
  return ms(v / 1e6);
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });

/** The local time of day, with the day when it is not today. */
export function time(iso: string, now = new Date()): string {
  const d = new Date(iso);
  if (Number.isNaN(d.getTime())) return "–";
  const today = d.toDateString() === now.toDateString();
  return today ? clock.format(d) : `${day.format(d)}, ${clock.format(d)}`;
}

/** The whole time with its zone, for a title. */
export function fullTime(iso: string): string {
  const d = new Date(iso);
  if (Number.isNaN(d.getTime())) return "";
  return d.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
}

/** "4 min", "2 h": how long something has lasted or will last. */
export function span(milliseconds: number): string {
  const s = Math.max(0, Math.round(milliseconds / 1000));
  if (s < 60) return `${s}${NARROW}s`;
  if (s < 3600) return `${Math.round(s / 60)}${NARROW}min`;
  if (s < 48 * 3600) return `${Math.round(s / 3600)}${NARROW}h`;
  return `${Math.round(s / 86400)}${NARROW}d`;
}

/** The zone that times are shown in: "UTC+2" or its name. */
export function zone(): string {
  const part = new Intl.DateTimeFormat("en", { timeZoneName: "short" }).formatToParts().find((p) => p.type === "timeZoneName");
  return part?.value ?? "local";
}

/** A response flag in words. */
export function flagMeaning(flag: string): string {
  return FLAGS[flag] ?? "unknown reason";
}

const FLAGS: Record<string, string> = {
  UF: "connection to the instance failed",
  UH: "no instance could take it",
  UO: "a limit was reached",
  NR: "no route fits",
  URX: "every attempt failed",
  UC: "the instance closed the connection",
  UT: "the instance took too long",
  UR: "the instance reset it",
  DC: "the caller went away",
  DT: "the request ran out of time",
  RL: "rate limited",
  FI: "injected fault",
  DI: "injected delay",
  DPE: "the caller broke the protocol",
  UPE: "the instance broke the protocol",
  UAEX: "not authorized",
  DR: "draining",
};
