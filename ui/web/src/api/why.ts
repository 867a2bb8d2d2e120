import type { Verdict } from "./verdict";

// Why a request ended as it did, as ui/api writes it.

export interface Log {
  time: string;
  service: string;
  version?: string;
  instance?: string;
  reporter?: string;
  peer?: string;
  peerVersion?: string;
  method?: string;
  path?: string;
  status?: number;
  flags?: string;
  reason?: string;
  durationMs?: number;
  requestId?: string;
  traceId?: string;
  spanId?: string;
  body?: string;
  attributes?: Record<string, unknown> | null;
}

export interface Try {
  instance: string;
  ms: number;
  status: number;
  reason?: string;
}

export interface Hop {
  log: Log;
  generatedBy: string;
  attempts: number;
  tries: Try[];
  flags: { flag: string; meaning: string }[];
  configVersion?: string;
}

export interface Why {
  id: string;
  traceId?: string;
  summary: string;
  note?: string;
  hops: Hop[];
  verdicts: Verdict[];
}
