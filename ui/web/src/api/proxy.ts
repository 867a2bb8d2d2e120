// Sidecars, as package controlplane/mesh writes them.

export interface Port {
  number: number;
  name?: string;
  protocol?: string; // absent is told by looking
}

export interface Instance {
  id: string;
  service: string;
  version: string;
  address: string;
  identity: string;
  labels?: Record<string, string> | null;
  state: "starting" | "ready" | "draining" | "caller";
  origin?: string; // who tells of it; a sidecar of its own if missing
  appPort?: number;
  appProtocol?: string;
  ports?: Port[] | null; // where there are several, or the only one has a name
}

// The ports of the app, the first being the one that callers mean that name none.
export function portsOf(i: Instance): Port[] {
  if (i.ports?.length) return i.ports;
  return i.appPort ? [{ number: i.appPort, protocol: i.appProtocol }] : [];
}

// What a port is called, and what is spoken there where its name does not say so.
export function wordsOf(p: Port): string {
  const said = p.name === p.protocol || p.name?.startsWith(`${p.protocol}-`);
  return [p.name, said ? "" : p.protocol].filter(Boolean).join(", ");
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
  clockAheadMs?: number; // of a control plane's clock; below 0, behind
  certExpires?: string; // of one that is connected
  turnedAway?: { plaintext: number; from: string; last: string }; // connections that it did not take
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
  policies?: string[]; // some of those that sidecars have to heed
  policiesChanged?: number;
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
