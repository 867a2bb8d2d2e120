import type { Finding, Resource, Severity } from "../api/config";
import type { Tone } from "../ui/Badge";
import type { IconName } from "../ui/Icon";
import { idOf } from "./documents";

const rank: Record<Severity, number> = { info: 1, warning: 2, error: 3 };

/** The most severe of some findings. */
export function worst(findings: readonly Finding[]): Severity | undefined {
  let out: Severity | undefined;
  for (const f of findings) if (out === undefined || rank[f.severity] > rank[out]) out = f.severity;
  return out;
}

/** Errors first, then in the order of their lines. */
export function sorted(findings: readonly Finding[]): Finding[] {
  return [...findings].sort((a, b) => rank[b.severity] - rank[a.severity] || (a.line ?? 0) - (b.line ?? 0) || a.code.localeCompare(b.code));
}

/** Findings by the line they are about; those without one are left out. */
export function byLine(findings: readonly Finding[]): Map<number, Finding[]> {
  const out = new Map<number, Finding[]>();
  for (const f of findings) {
    if (!f.line) continue;
    const at = out.get(f.line);
    if (at) at.push(f);
    else out.set(f.line, [f]);
  }
  return out;
}

/** What holds of a resource now, by the analysis of all that is stored. */
export function ofResource(findings: readonly Finding[], r: Resource): Finding[] {
  return findings.filter((f) => f.resource === idOf(r));
}

export const looks: Record<Severity, { tone: Tone; icon: IconName }> = {
  error: { tone: "bad", icon: "fail" },
  warning: { tone: "warn", icon: "warn" },
  info: { tone: "plain", icon: "help" },
};

/** "2 errors, 1 warning": what was found, in words. */
export function count(findings: readonly Finding[]): string {
  const parts = (["error", "warning", "info"] as const).flatMap((s) => {
    const n = findings.filter((f) => f.severity === s).length;
    if (n === 0) return [];
    return [s === "info" ? `${n} remark${n > 1 ? "s" : ""}` : `${n} ${s}${n > 1 ? "s" : ""}`];
  });
  return parts.join(", ");
}

/** How a stored resource stands. A route of Gateway API says more by its conditions. */
export function standing(r: Resource, findings: readonly Finding[]): { tone: Tone; icon: IconName; words: string } {
  const failed = (r.status?.parents ?? []).flatMap((p) => p.conditions ?? []).find((c) => c.status !== "True");
  const found = worst(findings);
  if (found === "error") return { ...looks.error, words: count(findings) };
  if (failed) return { tone: "bad", icon: "fail", words: `${failed.type}: ${failed.reason}` };
  if (found === "warning") return { ...looks.warning, words: count(findings) };
  return { tone: "good", icon: "check", words: found ? `accepted, ${count(findings)}` : "accepted" };
}

/** Resources that a search fits: every word is in kind, name, namespace or manifest. */
export function find(all: readonly Resource[], kind: string | undefined, words: string): Resource[] {
  const parts = words.toLowerCase().split(/\s+/).filter(Boolean);
  return all.filter((r) => (!kind || r.kind === kind) && parts.every((p) => `${idOf(r)} ${r.by} ${r.manifest}`.toLowerCase().includes(p)));
}
