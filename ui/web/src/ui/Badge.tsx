import type { ReactNode } from "react";
import type { Breaker, Health } from "../api/graph";
import { Icon, type IconName } from "./Icon";
import "./controls.css";

export type Tone = "plain" | "good" | "warn" | "bad" | "accent";

export function Badge({ tone = "plain", icon, children }: { tone?: Tone; icon?: IconName; children: ReactNode }) {
  return (
    <span className={`badge badge-${tone}`}>
      {icon && <Icon name={icon} size={12} />}
      {children}
    </span>
  );
}

const health: Record<Health, { tone: Tone; icon: IconName }> = {
  idle: { tone: "plain", icon: "minus" },
  healthy: { tone: "good", icon: "check" },
  degraded: { tone: "warn", icon: "warn" },
  failing: { tone: "bad", icon: "fail" },
};

/** Colour is never the only sign: each state has a shape and a word. */
export function HealthBadge({ health: h }: { health: Health }) {
  return (
    <Badge tone={health[h].tone} icon={health[h].icon}>
      {h}
    </Badge>
  );
}

export function BreakerBadge({ breaker }: { breaker: Breaker | "released" }) {
  if (breaker === "tripped") return <Badge tone="bad" icon="trip">tripped</Badge>;
  if (breaker === "probing") return <Badge tone="warn" icon="pulse">probing</Badge>;
  return <Badge tone="good" icon="check">{breaker}</Badge>;
}
