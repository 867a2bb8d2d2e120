// Sidecars, as package controlplane/mesh writes them.

export interface Instance {
  id: string;
  service: string;
  version: string;
  address: string;
  identity: string;
  labels?: Record<string, string> | null;
  state: "starting" | "ready" | "draining" | "caller";
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
}

export interface Proxies {
  proxies: Proxy[];
}
