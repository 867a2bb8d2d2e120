import type { ConfigChange } from "../api/proxy";
import type { Tone } from "../ui/Badge";
import type { IconName } from "../ui/Icon";

/** How far a change has come, in words; sidecars that hung up first owe no answer. */
export function reach(c: ConfigChange): { tone: Tone; icon: IconName; words: string } {
  const parts = [`${c.applied} of ${c.sidecars}`];
  const open = c.sidecars - c.applied - c.refused - c.left;
  if (c.refused > 0) parts.push(`${c.refused} refused`);
  if (open > 0) parts.push(`${open} on the way`);
  if (c.left > 0) parts.push(`${c.left} left`);
  const words = parts.join(", ");
  if (c.refused > 0) return { tone: "bad", icon: "fail", words };
  if (open > 0) return { tone: "warn", icon: "warn", words };
  return { tone: "good", icon: "check", words };
}

/** What a change is of, policies first, some by name. */
export function whatChanged(c: ConfigChange): { names: string[]; more: number } {
  const names = [...(c.policies ?? []), ...(c.services ?? [])];
  return { names: names.length > 0 ? names : ["policies"], more: c.changed + (c.policiesChanged ?? 0) - names.length };
}
