import type { Edge, Node } from "./graph";
import type { Proxy } from "./proxy";
import type { Verdict } from "./verdict";

export interface Point {
  time: string;
  rps: number;
  failedPerSecond: number;
  p50: number; // ms
  p95: number;
  p99: number;
}

export interface ServiceDetail {
  service: Node;
  series: Point[];
  callers: Edge[];
  callees: Edge[];
  instances: Proxy[];
  verdicts: Verdict[];
}

export interface ServiceList {
  services: Node[];
}
