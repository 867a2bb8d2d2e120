import type { Alarm, Authority, AuthorityCertificate, Holder } from "../api/identity";
import type { Tone } from "../ui/Badge";
import type { IconName } from "../ui/Icon";
import { span } from "../format";

/** How long a certificate is still good for, and how loud that is to be said. */
export function lifeLeft(c: { expires: string; alarm?: Alarm }, now: number): { tone: Tone; icon: IconName; words: string } {
  const left = Date.parse(c.expires) - now;
  if (!(left > 0)) return { tone: "bad", icon: "fail", words: Number.isNaN(left) || c.expires.startsWith("0001") ? "not reported" : "expired" };
  const words = `${span(left)} left`;
  if (c.alarm === "critical" || c.alarm === "expired") return { tone: "bad", icon: "warn", words };
  if (c.alarm === "warning") return { tone: "warn", icon: "warn", words };
  return { tone: "good", icon: "check", words };
}

/** What somebody should do something about, the worst first. Nothing is the usual. */
export function alarms(a: Authority, now: number): { tone: "bad" | "warn"; text: string }[] {
  const out: { tone: "bad" | "warn"; text: string }[] = [];
  const say = (tone: "bad" | "warn", text: string) => out.push({ tone, text });
  // A root that retires takes nothing with it: nobody waits for its end.
  const certificates: [string, AuthorityCertificate][] = [["What signs workloads", a.signing], ...(a.roots ?? []).filter((r) => r.role !== "retiring").map((r): [string, AuthorityCertificate] => [`The ${r.role ?? "trusted"} root`, r])];
  for (const [what, c] of certificates) {
    if (!c.alarm) continue;
    const life = lifeLeft(c, now);
    say(life.tone === "warn" ? "warn" : "bad", `${what} ${life.words === "expired" ? "has expired" : `ends in ${life.words.replace(" left", "")}`}: rotate the CA.`);
  }
  const troubled = a.troubled ?? [];
  const worst = troubled.filter((h) => h.alarm === "critical" || h.alarm === "expired");
  if (worst.length > 0) say("bad", `${list(worst)} ${worst.length === 1 ? "is" : "are"} about to be without a certificate: ${reasonOf(worst)}`);
  else if (troubled.length > 0) say("warn", `Renewals fail at ${list(troubled)}: ${reasonOf(troubled)}`);
  if (a.tokens > 0) say("warn", `${a.tokens} join token${a.tokens > 1 ? "s name" : " names"} a root that does not sign: who has one should be given a new one.`);
  return out.sort((x, y) => Number(y.tone === "bad") - Number(x.tone === "bad"));
}

function list(all: readonly Holder[]): string {
  const names = all.slice(0, 3).map((h) => h.instance);
  return all.length > 3 ? `${names.join(", ")} and ${all.length - 3} more` : names.join(" and ");
}

const reasonOf = (all: readonly Holder[]): string => all.find((h) => h.failure)?.failure ?? "nobody said why.";

export const PHASES = ["steady", "distribute", "renew"] as const;

/** What a phase of a rotation is, in words. */
export const phaseWords: Record<Authority["phase"], string> = {
  steady: "No rotation is under way.",
  distribute: "The next root is being spread: it is trusted, and signs nothing yet.",
  renew: "The new root signs; certificates of the former one are being replaced.",
};

/** A fingerprint as people compare them: its beginning. */
export const short = (fingerprint: string): string => fingerprint.slice(0, 12);
