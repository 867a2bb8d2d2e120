// The collector's books, as package collector/signal writes them.

/** The reason in dropped of what was left out by decision, not lost. */
export const SAMPLED = "sampled";

export interface SignalBooks {
  signal: string;
  unit: string;
  received: number;
  /** Senders were told to keep these; each try counts. */
  refused: number;
  queued: number;
  stored: number;
  dropped: Record<string, number> | null;
  /** Why nothing is received now. */
  trouble?: string;
  /** What sidecars say of it, where one has spoken. */
  sidecars?: Sent;
}

/** What sidecars made since the collector first heard of each, and what became of it on the way. */
export interface Sent {
  processes: number;
  made: number;
  dropped: Record<string, number> | null;
  received: number;
  inFlight: number;
  /** Neither dropped nor brought within a minute. */
  unaccounted: number;
  /** Instances whose that is, some of them. */
  missing?: string[];
  /** Came again, since the first answer was lost. */
  twice: number;
}

/** How the store stood when it was last measured. */
export interface StoreState {
  bytes: number; // 0 before it was measured
  damaged: DamagedPart[];
  /** Where there is a disk that old days go to. */
  cold?: ColdState;
}

/** How the disk for old days stood. */
export interface ColdState {
  bytes: number; // of the store's that lie there
  /** What keeps old days from it, or from answering. */
  trouble?: string;
}

/** Part of a table that was set aside: what it holds is in no answer. */
export interface DamagedPart {
  table: string;
  part: string;
  day: string; // of its rows
  bytes: number;
  since: string;
}

/** What became of one signal of one tenant, where tenants have limits. */
export interface Tenant {
  tenant: string;
  claimed: boolean; // its sender proved nothing
  signal: string;
  taken: number;
  takenBytes: number;
  refused: Record<string, number> | null;
}

export interface Pipeline {
  signals: SignalBooks[];
  store: StoreState;
  tenants: Tenant[];
}
