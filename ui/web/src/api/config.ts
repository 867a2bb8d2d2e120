// Configuration, its changes and what there is to say about it, as package
// controlplane/mesh writes them.

export type Severity = "error" | "warning" | "info";

export interface Finding {
  code: string;
  severity: Severity;
  resource: string; // "VirtualService default/reviews"
  path: string;
  message: string; // what is wrong and what would be right
  line?: number; // of the manifest that was handed in, from 1
}

export interface RouteCondition {
  type: string;
  status: string;
  reason: string;
  message: string;
}

export interface RouteParentStatus {
  parentRef: { kind: string; namespace: string; name: string; port?: number };
  conditions: RouteCondition[] | null;
}

export interface Resource {
  kind: string;
  namespace: string;
  name: string;
  version: number;
  changed: string;
  by: string;
  manifest: string;
  findings?: Finding[] | null; // when it was applied
  status?: { parents: RouteParentStatus[] | null };
}

export interface Resources {
  resources: Resource[];
}

export interface Findings {
  findings: Finding[];
}

export interface Applied {
  applied: boolean;
  findings: Finding[];
}

export interface ChangedResource {
  kind: string;
  namespace: string;
  name: string;
  how: "made" | "changed" | "deleted";
  before?: string; // missing where the change made it, and in a list of changes
  after?: string;
}

export interface Change {
  number: number;
  time: string;
  by: string;
  summary: string;
  resources: ChangedResource[] | null;
}

export interface Changes {
  changes: Change[];
  next?: number;
}

export interface Restoration {
  to: number;
  changes: ChangedResource[];
  findings: Finding[];
}

export interface ReplayChange {
  what: string; // routed, refused, allowed, timed out, waited, retried
  caller: string;
  service: string;
  route: string;
  was: string;
  becomes: string;
  requests: number;
  traces?: string[] | null;
}

export interface Replay {
  start: string;
  end: string;
  requests: number;
  unaffected: number;
  same: number;
  cannotTell: number;
  changed: number;
  changes: ReplayChange[] | null;
  notRecorded?: string[] | null;
  partial?: string;
}
