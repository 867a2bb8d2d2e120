// The collector's books, as package collector/signal writes them.

export interface SignalBooks {
  signal: string;
  unit: string;
  received: number;
  queued: number;
  stored: number;
  dropped: Record<string, number> | null;
}

export interface Pipeline {
  signals: SignalBooks[];
}
