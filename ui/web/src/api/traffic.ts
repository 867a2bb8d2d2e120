// How requests are split over versions, as package controlplane/mesh writes it.

export type Weights = Record<string, number>;

export interface Traffic {
  service: string;
  weights: Weights | null; // empty where nothing was asked for
  versions: string[] | null;
  source: string;
  undo?: Weights | null;
  canUndo: boolean;
  manifest: string;
  matches: boolean; // routes with conditions stand before the split
  changed?: string;
}

export interface TrafficList {
  services: Traffic[];
}
