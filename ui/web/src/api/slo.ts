// Objectives and alerts, as ui/api writes them.

export interface Burn {
  window: string;
  rate: number; // 1 is just in time
  limit: number; // at which an alert fires; 0 is none
}

export interface SLO {
  name: string;
  namespace: string;
  service: string;
  description?: string;
  objective: number;
  window: string; // "30d"
  errorShare?: number; // missing while there is no traffic to judge by
  budgetLeft?: number;
  burn: Burn[] | null;
  state: string; // "ok", "ticket" or "page"
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
