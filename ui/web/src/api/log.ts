// Logs, as package collector/signal writes them.

import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { api } from "./fetch";
import type { Asked } from "./search";

export interface LogRow {
  time: string;
  service: string;
  version?: string;
  instance?: string;
  reporter?: string; // "source" or "destination"; none of an app's record
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
  severity?: string;
  body?: string;
  attributes?: Record<string, unknown> | null;
}

export interface LogPage {
  logs: LogRow[];
  next?: string;
  partial?: string;
}

/** What the URL of the logs page says. */
export interface LogFilter {
  filter?: string;
  service?: string;
  range?: string;
  from?: string; // with to, instead of a range
  to?: string;
}

/** From the gravest on. */
export const SEVERITIES = ["FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE", "UNSET"] as const;
export type Severity = (typeof SEVERITIES)[number];

export interface LogHistogram {
  start: string;
  end: string;
  stepMs: number;
  bins: Partial<Record<Severity, number[]>>;
  total: number;
  partial?: string;
}

export const logsPage = (search: Asked, cursor: string, signal: AbortSignal) => api<LogPage>("logs", { signal, query: { ...search, limit: 100, cursor } });

export const logHistogramQuery = (search: Asked) =>
  queryOptions({
    queryKey: ["log-histogram", search],
    queryFn: ({ signal }) => api<LogHistogram>("logs/histogram", { signal, query: { ...search, bins: 60 } }),
    staleTime: Infinity,
    placeholderData: keepPreviousData,
  });
