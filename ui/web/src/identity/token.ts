import type { JoinToken } from "../api/identity";
import type { Tone } from "../ui/Badge";
import type { IconName } from "../ui/Icon";

/** The namespace of the mesh's own parts. */
const OWN = "sightline";

/** A token of the mesh's own parts, which start with it. */
export const isOwn = (t: JoinToken): boolean => t.namespace === OWN;

/** Whom a token lets in, in words; * in a pattern stands for any letters. */
export function scopeOf(t: JoinToken): string {
  if (isOwn(t) && !t.service) return "the mesh's own parts";
  const service = !t.service ? "any service" : t.service.includes("*") ? `services like ${t.service}` : `service ${t.service}`;
  if (!t.namespace) return service;
  return `${service} in ${t.namespace.includes("*") ? `namespaces like ${t.namespace}` : `namespace ${t.namespace}`}`;
}

export const usesLeft = (t: JoinToken): string => (t.limited ? String(t.uses) : "any number");

export function standingOf(t: JoinToken): { tone: Tone; icon: IconName } {
  if (t.state === "good") return t.oldRoot ? { tone: "warn", icon: "warn" } : { tone: "good", icon: "check" };
  return t.state === "unreadable" ? { tone: "bad", icon: "fail" } : { tone: "plain", icon: "minus" };
}

/** Why a scope would be refused, if it would: a name of lower-case letters, digits and hyphens, in which * may stand. */
export function patternFault(text: string): string {
  return text === "" || /^[a-z0-9*]([a-z0-9*-]{0,61}[a-z0-9*])?$/.test(text) ? "" : "Want a name of lower-case letters, digits and hyphens, or a pattern such as shop-*.";
}
