import { best, layout, type Arranged, type Direction, type LayoutInput } from "./layout";

export interface Job {
  n: number;
  input: Omit<LayoutInput, "direction">;
  window: { w: number; h: number };
  keep?: Direction; // the direction of before, to be kept
}

export interface Done extends Arranged {
  n: number;
}

addEventListener("message", (m: MessageEvent<Job>) => {
  const { n, input, window, keep } = m.data;
  const arranged: Arranged = keep ? { direction: keep, layout: layout({ ...input, direction: keep }) } : best(input, window);
  postMessage({ n, ...arranged } satisfies Done);
});
