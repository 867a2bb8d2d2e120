import type { TraceFilter } from "../api/queries";
import { also, quoted } from "../search/filterText";

/** Whether a text is a duration as the API reads it: "250ms", "1.5s", "1m30s". */
export function isDuration(text: string): boolean {
  return /^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(text) && !/^(0(\.0+)?[a-zµ]+)+$/.test(text);
}

export function isFiltered(f: TraceFilter): boolean {
  return Boolean(f.service || f.status || f.min || f.max || f.filter);
}

/** What spans a search without a condition on spans is about: those that stand for their traces. */
export function ofRoots(f: TraceFilter): boolean {
  return aboutTraces(f) && f.spans !== "all";
}

/** Whether a search has no condition on spans, so that one may choose which of a trace's it is about. */
export function aboutTraces(f: TraceFilter): boolean {
  return !f.service && !f.filter;
}

/** A search as it may stand in an old link: its free text is part of the filter now. */
export function upgraded(f: TraceFilter & { q?: string }): TraceFilter {
  const { q, ...rest } = f;
  if (!q) return rest;
  const [key, value] = [q.slice(0, q.indexOf("=")), q.slice(q.indexOf("=") + 1)];
  return { ...rest, filter: also(rest.filter, q.indexOf("=") > 0 && /^[\w.-]+$/.test(key) ? `${key} = ${quoted(value)}` : quoted(q)) };
}
