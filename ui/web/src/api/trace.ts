// Traces, as package collector/signal writes them.

export interface SpanEvent {
  time: string;
  name: string;
  attributes?: Record<string, unknown> | null;
}

export interface Span {
  traceId: string;
  spanId: string;
  parentId?: string;
  name: string;
  kind: string;
  service: string;
  version?: string;
  instance?: string;
  mesh: boolean; // made by a sidecar, not by the app
  start: string;
  durationNs: number;
  status: string; // "ok", "error", "unset"
  statusMessage?: string;
  attributes?: Record<string, unknown> | null;
  events?: SpanEvent[] | null;
}

export interface Trace {
  traceId: string;
  spans: Span[];
  /** Why there may be more spans. */
  partial?: string;
}

export interface TraceSummary {
  traceId: string;
  rootService: string;
  rootName: string;
  start: string;
  durationNs: number;
  spans: number;
  errors: number;
  services: string[] | null;
}

export interface TracePage {
  traces: TraceSummary[];
  next?: string;
  partial?: string; // why there may be more than was found
}
