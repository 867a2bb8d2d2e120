// The collector's books, as package collector/signal writes them.

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
}

export interface Pipeline {
  signals: SignalBooks[];
}
