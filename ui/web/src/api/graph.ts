// The service graph, as package topology/graph writes it.

export type Health = "idle" | "healthy" | "degraded" | "failing";
export type Breaker = "admitting" | "probing" | "tripped";

export interface Rates {
  rps: number;
  errorShare: number; // 0 to 1
  p50: number; // ms
  p95: number;
  p99: number;
  requests: number;
  failed: number;
}

export interface Version extends Rates {
  version: string;
  instances: string[] | null;
  breaker: Breaker;
  health: Health;
}

export interface Node extends Rates {
  id: string;
  namespace: string;
  health: Health;
  versions: Version[] | null;
}

export interface Edge extends Rates {
  id: string;
  source: string;
  destination: string;
  protocol: string;
  mtlsShare: number;
  flags?: Record<string, number> | null;
  health: Health;
  breaker: Breaker;
  anomaly?: string;
  versions: Version[] | null;
}

export interface Graph {
  start: string;
  end: string;
  nodes: Node[];
  edges: Edge[];
}

/** The node that stands for callers without a sidecar. */
export const OUTSIDE = "outside";
