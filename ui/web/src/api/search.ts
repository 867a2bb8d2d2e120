// Questions about all spans or rows of a search, as package collector/signal answers them.

import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { api } from "./fetch";

export type Period = { start: string; end: string };
export type Source = "spans" | "logs";

export interface HeatCell {
  column: number;
  bucket: number;
  spans: number;
  errors: number;
}

export interface Heatmap {
  start: string;
  end: string;
  stepMs: number;
  scale: number; // bucket i: more than 2^(i/2^scale) and at most 2^((i+1)/2^scale) ms
  cells: HeatCell[];
  spans: number;
  errors: number;
  partial?: string;
  /** What is older was not asked for. */
  since?: string;
}

export interface DeltaValue {
  value: string;
  inside: number;
  outside: number;
  filter: string;
}

export interface DeltaKey {
  key: string;
  inside: number;
  outside: number;
  distinct: number;
  values: DeltaValue[];
}

export interface Deltas {
  inside: number;
  outside: number;
  lookedInside: number;
  lookedOutside: number;
  keys: DeltaKey[];
  partial?: string;
}

export interface Completion {
  text: string;
  seen: number;
}

export type Asked = Record<string, string | number | undefined>;

export const heatmapQuery = (search: Asked, columns: number) =>
  queryOptions({
    queryKey: ["heatmap", search, columns],
    queryFn: ({ signal }) => api<Heatmap>("traces/heatmap", { signal, query: { ...search, columns } }),
    staleTime: Infinity,
    placeholderData: keepPreviousData,
  });

/** The heatmap of the newest sixteenth of a search's period, in the columns of the whole: there long before that. */
export const newestHeatmapQuery = (search: Asked, columns: number) =>
  queryOptions({
    queryKey: ["heatmap", search, columns, "newest"],
    queryFn: ({ signal }) => api<Heatmap>("traces/heatmap", { signal, query: { ...search, columns, since: newestOf(search) } }),
    staleTime: Infinity,
  });

function newestOf(search: Asked): string | undefined {
  const [start, end] = [Date.parse(String(search.start)), Date.parse(String(search.end))];
  return end > start ? new Date(end - (end - start) / 16).toISOString() : undefined;
}

/** Which attributes the selected spans of a search have and the others have not. */
export const deltasQuery = (search: Asked, selected: Asked) =>
  queryOptions({
    queryKey: ["deltas", search, selected],
    queryFn: ({ signal }) => api<Deltas>("traces/deltas", { signal, query: { ...search, ...selected } }),
    staleTime: Infinity,
  });

export const keysQuery = (of: Source, typed: string) =>
  queryOptions({
    queryKey: ["attributes", of, typed],
    queryFn: ({ signal }) => api<{ completions: Completion[] }>("attributes", { signal, query: { of, typed, limit: 12 } }),
    staleTime: 60_000,
    placeholderData: keepPreviousData,
  });

export const valuesQuery = (of: Source, key: string, typed: string) =>
  queryOptions({
    queryKey: ["attributes", of, key, typed],
    queryFn: ({ signal }) => api<{ completions: Completion[] }>("attributes/values", { signal, query: { of, key, typed, limit: 12 } }),
    staleTime: 60_000,
    placeholderData: keepPreviousData,
  });
