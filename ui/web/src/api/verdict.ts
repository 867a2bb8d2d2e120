// Verdicts and their targets, as package controlplane/mesh writes them.

export interface Target {
  service: string;
  version?: string;
  instance?: string;
}

export interface Verdict {
  id: string;
  target: Target;
  phase: "tripped" | "probing" | "released";
  admit: number; // share of its usual traffic
  reason: string;
  by: string;
  held?: boolean;
  since: string;
  until?: string;
  traces?: string[] | null;
}

export interface Breakers {
  breakers: Verdict[];
}

/** "payments:v2" or "payments:v2/payments-v2-1". */
export function targetName(t: Target): string {
  return t.service + (t.version ? `:${t.version}` : "") + (t.instance ? `/${t.instance}` : "");
}
