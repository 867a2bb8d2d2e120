import { expect, test } from "vitest";
import { fitView } from "./camera";
import { curve, curves, dotsPerSecond, piece, placeLabels, pointAt } from "./geometry";
import type { Layout } from "./layout";

const two: Layout = {
  nodes: { a: { x: 0, y: 0, w: 100, h: 54 }, b: { x: 300, y: 100, w: 100, h: 54 } },
  bends: {},
};

test("a line leaves one card and ends before the other", () => {
  const c = curves([{ id: "a→b", source: "a", destination: "b" }], two, "LR").get("a→b")!;
  expect(c.walk[0]).toEqual({ x: 100, y: 27 });
  expect(c.walk.at(-1)).toEqual({ x: 294, y: 127 });
  expect(c.length).toBeGreaterThan(Math.hypot(194, 100));
});

test("lines into one card end apart", () => {
  const three: Layout = { ...two, nodes: { ...two.nodes, c: { x: 0, y: 200, w: 100, h: 54 } } };
  const all = curves(
    [
      { id: "a→b", source: "a", destination: "b" },
      { id: "c→b", source: "c", destination: "b" },
    ],
    three,
    "LR",
  );
  expect(all.get("a→b")!.walk.at(-1)!.y).toBeLessThan(all.get("c→b")!.walk.at(-1)!.y);
});

test("an edge to a service that is not placed has no line", () => {
  expect(curves([{ id: "a→x", source: "a", destination: "x" }], two, "LR").size).toBe(0);
});

test("points along a line are as far as asked", () => {
  const c = curve([{ x: 0, y: 0 }, { x: 200, y: 0 }], "LR");
  expect(c.length).toBeCloseTo(200, 0);
  expect(pointAt(c, 50).x).toBeCloseTo(50, 0);
  expect(pointAt(c, -10)).toEqual({ x: 0, y: 0 });
  expect(pointAt(c, 999).x).toBeCloseTo(200, 0);
  expect(piece(c, 10, 20)).toMatch(/^M10\.0,0\.0L/);
});

test("labels do not cover cards or each other", () => {
  const long = curve([{ x: 0, y: 0 }, { x: 800, y: 0 }], "LR");
  const labels = placeLabels(new Map([["x", long], ["y", long]]), [{ x: 380, y: -20, w: 40, h: 40 }]);
  const [x, y] = [labels.get("x")!, labels.get("y")!];
  expect(Math.abs(x.x - 400)).toBeGreaterThan(50);
  expect(Math.abs(x.x - y.x)).toBeGreaterThanOrEqual(104);
});

test("dots follow the rate, within what an eye can tell", () => {
  expect(dotsPerSecond(0)).toBe(0);
  expect(dotsPerSecond(100)).toBeGreaterThan(2 * dotsPerSecond(10));
  expect(dotsPerSecond(1e6)).toBeLessThan(5);
});

test("fit shows everything and never magnifies much", () => {
  const boxes = [{ x: 0, y: 0, w: 2000, h: 100 }];
  const v = fitView(boxes, { w: 1000, h: 500 });
  expect(v.k * 2000).toBeLessThanOrEqual(1000);
  expect(fitView([{ x: 0, y: 0, w: 10, h: 10 }], { w: 1000, h: 500 }).k).toBeLessThanOrEqual(1.1);
  expect(fitView([], { w: 1, h: 1 })).toEqual({ x: 0, y: 0, k: 1 });
});
