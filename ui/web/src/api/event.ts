import type { Target } from "./verdict";

// The mesh's timeline, as package controlplane/mesh writes it.

export const EVENT_KINDS = [
  "anomaly",
  "tripped",
  "probing",
  "released",
  "held",
  "config",
  "traffic",
  "instance",
  "refused",
  "identity",
  "registry",
  "plaintext",
] as const;

export type EventKind = (typeof EVENT_KINDS)[number];

export interface MeshEvent {
  id: string; // sorts by time
  time: string;
  kind: EventKind;
  target: Target;
  summary: string;
  by: string;
  verdict?: string;
  detail?: Record<string, string> | null;
  traces?: string[] | null;
}

export interface EventPage {
  events: MeshEvent[];
  next?: string;
}
