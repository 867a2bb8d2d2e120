// Sidecars, as package controlplane/mesh writes them.

export interface Instance {
  id: string;
  service: string;
  version: string;
  address: string;
  identity: string;
  labels?: Record<string, string> | null;
  state: "starting" | "ready" | "draining" | "caller";
  origin?: string; // who tells of it; a sidecar of its own if missing
}

export interface Proxy {
  instance: Instance;
  connected: boolean;
  since: string;
  build: string;
  subscribed: string[] | null;
  pushed: number;
  accepted: number;
  inSync: boolean;
  refusal?: string;
  certExpires: string;
  propagationMs?: number; // of the newest change, from its commit until it was in force
  behind?: string; // since when something is committed that it has not confirmed
  controlPlane?: string;
  unknown?: string; // why nothing more is known of it
}

/** One change of what sidecars are told, on its way to them. */
export interface ConfigChange {
  version: number;
  committed: string;
  services: string[] | null; // some of them
  changed: number;
  sidecars: number;
  applied: number;
  refused: number;
  left: number;
  p50Ms: number;
  lastMs: number;
  controlPlane?: string;
}

export interface ControlPlane {
  id: string;
  address: string;
  since: string;
  leads: boolean;
}

export interface Proxies {
  proxies: Proxy[];
  controlPlanes: ControlPlane[];
  changes: ConfigChange[]; // newest first
}
