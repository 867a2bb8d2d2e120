// The certificate authority and who holds its certificates, as package
// controlplane/mesh writes them.

export type Alarm = "warning" | "critical" | "expired";

export interface AuthorityCertificate {
  subject: string;
  fingerprint: string;
  serial: string;
  begins?: string;
  expires: string;
  alarm?: Alarm;
  role?: "active" | "incoming" | "retiring"; // of a root
}

export interface Holder {
  identity: string;
  instance: string;
  service: string;
  since: string;
  version: number;
  signer: string;
  root?: string; // fingerprint; missing: one that the CA does not know
  serial: string;
  expires: string;
  alarm?: Alarm;
  failures?: number; // renewals in a row
  failure?: string;
}

export interface Revocation {
  serial?: string;
  identity?: string;
  before?: string;
  expires: string;
  by?: string;
  reason?: string;
}

export interface Authority {
  trustDomain: string;
  phase: "steady" | "distribute" | "renew";
  since?: string;
  next: string;
  version: number;
  signing: AuthorityCertificate;
  roots: AuthorityCertificate[] | null;
  own: boolean;
  supplied: boolean;
  holders: number;
  returning?: boolean;
  lagging: Holder[] | null;
  outstanding: unknown[] | null;
  old?: number;
  troubled: Holder[] | null;
  leaves: number;
  revoked: Revocation[] | null;
  tokens: number;
}

/** What lets workloads in, without its secret. */
export interface JoinToken {
  id: string;
  service?: string; // pattern; missing is any
  namespace?: string; // likewise, but never the mesh's own
  uses: number; // left, where limited
  limited: boolean;
  used: number;
  created?: string;
  expires: string;
  by?: string;
  state: string; // good, expired, used up, unreadable
  oldRoot?: boolean; // it names a root that does not sign
}

export interface Holders {
  holders: Holder[];
  left?: number; // how many more there are
  silent?: string[] | null; // control planes that did not answer
}
