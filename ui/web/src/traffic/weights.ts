import type { Traffic, Weights } from "../api/traffic";

// Shares are whole percents that add up to 100.

/** Whether anyone asked for weights. Where nobody did, the balancer takes who answers soonest. */
export function isWeighted(t: Traffic): boolean {
  return Object.values(t.weights ?? {}).some((w) => w > 0);
}

/** What is asked for now, as percents. Where nothing is, equal parts to start from. */
export function sharesOf(t: Traffic): Weights {
  const versions = versionsOf(t);
  const asked = t.weights ?? {};
  const sum = Object.values(asked).reduce((a, b) => a + b, 0);
  const raw = versions.map((v) => (sum > 0 ? ((asked[v] ?? 0) / sum) * 100 : 100 / versions.length));
  const whole = rounded(raw, 100);
  return Object.fromEntries(versions.map((v, i) => [v, whole[i]!]));
}

/** The versions that can be given a weight: those with instances, and those that have one. */
export function versionsOf(t: Traffic): string[] {
  return [...new Set([...(t.versions ?? []), ...Object.keys(t.weights ?? {})])].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
}

/** Gives one version a share; the others split the rest as they did before. */
export function withShare(shares: Weights, version: string, percent: number): Weights {
  const value = Math.max(0, Math.min(100, Math.round(percent)));
  const others = Object.keys(shares).filter((v) => v !== version);
  if (others.length === 0) return { [version]: 100 };
  const rest = 100 - value;
  const before = others.reduce((sum, v) => sum + (shares[v] ?? 0), 0);
  const raw = others.map((v, i) => (before > 0 ? ((shares[v] ?? 0) / before) * rest : i === 0 ? rest : 0));
  const whole = rounded(raw, rest);
  return { ...shares, ...Object.fromEntries(others.map((v, i) => [v, whole[i]!])), [version]: value };
}

/** Whole numbers near the given ones that add up to a total: the largest remainders are rounded up. */
function rounded(raw: readonly number[], total: number): number[] {
  const out = raw.map(Math.floor);
  const order = raw.map((v, i) => [v - Math.floor(v), i] as const).sort((a, b) => b[0] - a[0]);
  let left = total - out.reduce((a, b) => a + b, 0);
  for (const [, i] of order) if (left-- > 0) out[i]!++;
  return out;
}

export function same(a: Weights, b: Weights): boolean {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].every((v) => (a[v] ?? 0) === (b[v] ?? 0));
}

/** "v1 90 %, v2 10 %" */
export function inWords(w: Weights | null | undefined): string {
  const parts = Object.entries(w ?? {}).map(([v, n]) => `${v} ${n}\u202f%`);
  return parts.length > 0 ? parts.join(", ") : "no weights";
}
