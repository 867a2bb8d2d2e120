// Objectives and alerts, as ui/api writes them.

export interface Burn {
  window: string;
  rate: number; // 1 is just in time
  threshold: number;
}

export interface SLO {
  name: string;
  namespace: string;
  service: string;
  description?: string;
  objective: number;
  window: number; // nanoseconds
  budgetLeft?: number;
  burn: Burn[] | null;
}

export interface SLOs {
  slos: SLO[];
}

export interface Alert {
  name: string;
  state: "pending" | "firing";
  severity?: string;
  service?: string;
  summary?: string;
  since: string;
  value: number;
  labels?: Record<string, string> | null;
}

export interface Alerts {
  alerts: Alert[];
}
