import type { MeshEvent } from "../api/event";
import { targetName } from "../api/verdict";

/** One entry of the timeline: a run of the loop, or one event of its own. */
export interface Entry {
  key: string;
  time: string; // of its newest event
  events: MeshEvent[]; // oldest first
}

const NEAR = 60_000; // ms: an anomaly this long before a verdict on the same target is its cause

/** Events, newest first, as entries: what belongs to one verdict stands together. */
export function group(events: readonly MeshEvent[]): Entry[] {
  const entries: Entry[] = [];
  const byVerdict = new Map<string, Entry>();
  for (const e of events) {
    const known = e.verdict ? byVerdict.get(e.verdict) : undefined;
    const home = known ?? (e.kind === "anomaly" && !e.verdict ? causeOf(e, entries) : undefined);
    if (home) {
      home.events.unshift(e);
      continue;
    }
    const entry: Entry = { key: e.verdict || e.id, time: e.time, events: [e] };
    if (e.verdict) byVerdict.set(e.verdict, entry);
    entries.push(entry);
  }
  return entries;
}

/** The entry of the verdict that an anomaly led to. */
function causeOf(anomaly: MeshEvent, entries: readonly Entry[]): Entry | undefined {
  return entries.findLast((entry) => {
    const first = entry.events[0]!;
    const gap = Date.parse(first.time) - Date.parse(anomaly.time);
    return first.verdict !== undefined && first.verdict !== "" && targetName(first.target) === targetName(anomaly.target) && gap >= 0 && gap < NEAR;
  });
}

/** How long each step of a loop took, from the step before it. */
export function gaps(events: readonly MeshEvent[]): number[] {
  return events.map((e, i) => (i === 0 ? 0 : Date.parse(e.time) - Date.parse(events[i - 1]!.time)));
}

/** Events without doubles, newest first: live ones and pages may overlap. */
export function merge(...lists: readonly (readonly MeshEvent[])[]): MeshEvent[] {
  const byID = new Map<string, MeshEvent>();
  for (const list of lists) for (const e of list) byID.set(e.id, e);
  return [...byID.values()].sort((a, b) => (a.id < b.id ? 1 : a.id > b.id ? -1 : 0));
}
