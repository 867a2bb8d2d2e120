import { queryOptions } from "@tanstack/react-query";
import type { Applied, Change, Changes, Findings, Resources } from "./config";
import type { EventPage } from "./event";
import { api } from "./fetch";
import type { Graph } from "./graph";
import type { Authority, Holders, JoinToken } from "./identity";
import type { Pipeline } from "./pipeline";
import type { Proxies } from "./proxy";
import type { Asked } from "./search";
import type { ServiceDetail, ServiceList } from "./service";
import type { User } from "./session";
import type { Alerts, SLOs } from "./slo";
import type { Trace, TracePage } from "./trace";
import type { Traffic, TrafficList } from "./traffic";
import type { Breakers } from "./verdict";
import type { Why } from "./why";

export const sessionQuery = queryOptions({
  queryKey: ["session"],
  queryFn: ({ signal }) => api<User>("session", { signal }),
  staleTime: Infinity,
});

/** The graph at a time; now when it is missing. */
export const graphQuery = (at?: string) =>
  queryOptions({
    queryKey: ["graph", at ?? "now"],
    queryFn: ({ signal }) => api<Graph>("graph", { signal, query: { at } }),
    staleTime: at ? Infinity : 0,
  });

/** The graph of the last ten seconds: the live one's window is longer, and slow to show a shift. */
export const recentGraphQuery = queryOptions({
  queryKey: ["graph", "recent"],
  queryFn: ({ signal }) => api<Graph>("graph", { signal, query: { window: "10s" } }),
  refetchInterval: 2000,
});

export const servicesQuery = queryOptions({
  queryKey: ["services"],
  queryFn: ({ signal }) => api<ServiceList>("services", { signal }),
  staleTime: 10_000,
});

export const serviceQuery = (name: string) =>
  queryOptions({
    queryKey: ["service", name],
    queryFn: ({ signal }) => api<ServiceDetail>(`services/${encodeURIComponent(name)}`, { signal }),
    refetchInterval: 5000,
  });

/** What the URL of the traces page says. */
export interface TraceFilter {
  filter?: string; // in the language of filters
  service?: string;
  status?: string;
  min?: string;
  max?: string;
  range?: string;
  from?: string; // with to, instead of a range
  to?: string;
  spans?: string; // "all": the heatmap is not of roots only
  box?: string; // a rectangle of the heatmap
  cmp?: string; // what is compared with the rest: "errors", "slow" or "box"
}

export const tracesQuery = (search: Asked, cursor: string, signal: AbortSignal) => api<TracePage>("traces", { signal, query: { limit: 50, ...search, cursor } });

export const traceQuery = (id: string) =>
  queryOptions({
    queryKey: ["trace", id],
    queryFn: ({ signal }) => api<Trace>(`traces/${encodeURIComponent(id)}`, { signal }),
    retry: 2, // a trace seen live may be on its way to the store
    retryDelay: 1500,
  });

export const whyQuery = (id: string) =>
  queryOptions({
    queryKey: ["why", id],
    queryFn: ({ signal }) => api<Why>(`why/${encodeURIComponent(id)}`, { signal }),
  });

export const trafficListQuery = queryOptions({
  queryKey: ["traffic"],
  queryFn: ({ signal }) => api<TrafficList>("traffic", { signal }),
});

export const trafficQuery = (service: string) =>
  queryOptions({
    queryKey: ["traffic", service],
    queryFn: ({ signal }) => api<Traffic>(`traffic/${encodeURIComponent(service)}`, { signal }),
  });

export const breakersQuery = queryOptions({
  queryKey: ["breakers"],
  queryFn: ({ signal }) => api<Breakers>("breakers", { signal }),
  refetchInterval: 5000,
});

export const eventsPage = (kind: string | undefined, service: string | undefined, after: string, signal: AbortSignal) =>
  api<EventPage>("events", { signal, query: { kind, service, after, limit: 100 } });

export const slosQuery = queryOptions({
  queryKey: ["slos"],
  queryFn: ({ signal }) => api<SLOs>("slos", { signal }),
  refetchInterval: 10_000,
});

export const alertsQuery = queryOptions({
  queryKey: ["alerts"],
  queryFn: ({ signal }) => api<Alerts>("alerts", { signal }),
  refetchInterval: 10_000,
});

export const proxiesQuery = queryOptions({
  queryKey: ["proxies"],
  queryFn: ({ signal }) => api<Proxies>("proxies", { signal }),
  refetchInterval: 5000,
});

export const pipelineQuery = queryOptions({
  queryKey: ["pipeline"],
  queryFn: ({ signal }) => api<Pipeline>("pipeline", { signal }),
  refetchInterval: 2000,
});

export const resourcesQuery = queryOptions({
  queryKey: ["config", "resources"],
  queryFn: ({ signal }) => api<Resources>("config", { signal }),
  refetchInterval: 15_000,
});

/** What there is to say about all that is stored. */
export const findingsQuery = queryOptions({
  queryKey: ["config", "findings"],
  queryFn: ({ signal }) => api<Findings>("config/analyze", { signal }),
  refetchInterval: 15_000,
});

/** What there is to say about a manifest, with its lines. Nothing is applied. */
export const analyzeQuery = (manifest: string) =>
  queryOptions({
    queryKey: ["config", "analyze", manifest],
    queryFn: ({ signal }) => api<Applied>("config/analyze", { method: "POST", yaml: manifest, signal }),
    staleTime: 15_000,
    gcTime: 60_000, // keys are whole manifests
  });

export const changesPage = (below: number | undefined, signal: AbortSignal) => api<Changes>("config/history", { signal, query: { below, limit: 30 } });

/** A change with its manifests, which never change. */
export const changeQuery = (number: number) =>
  queryOptions({
    queryKey: ["change", number],
    queryFn: ({ signal }) => api<Change>(`config/history/${number}`, { signal }),
    staleTime: Infinity,
  });

export const authorityQuery = queryOptions({
  queryKey: ["identity", "authority"],
  queryFn: ({ signal }) => api<Authority>("ca", { signal }),
  refetchInterval: 5000,
});

/** Who is connected with which certificate, the most urgent first. */
export const holdersQuery = queryOptions({
  queryKey: ["identity", "holders"],
  queryFn: ({ signal }) => api<Holders>("ca/holders", { signal }),
  refetchInterval: 5000,
});

export const tokensQuery = queryOptions({
  queryKey: ["identity", "tokens"],
  queryFn: ({ signal }) => api<{ tokens: JoinToken[] }>("tokens", { signal }),
  refetchInterval: 15_000,
});
