import { expect, test } from "vitest";
import { barsOf, totalsOf } from "./bars";

const h = { start: "2026-03-01T12:00:00.000Z", end: "2026-03-01T12:02:30.000Z", stepMs: 60_000, total: 7, bins: { INFO: [1, 0, 2], ERROR: [0, 0, 4] } };

test("bars have the gravest first and end with the period", () => {
  const bars = barsOf(h);
  expect(bars.map((b) => b.total)).toEqual([1, 0, 6]);
  expect(bars[2]!.parts).toEqual([{ severity: "ERROR", count: 4 }, { severity: "INFO", count: 2 }]);
  expect(bars[2]!.end).toBe(Date.parse(h.end));
  expect(totalsOf(h)).toEqual([{ severity: "ERROR", count: 4 }, { severity: "INFO", count: 3 }]);
});

test("without rows there are still bars to show the time", () => {
  expect(barsOf({ ...h, bins: {}, total: 0 }).map((b) => b.total)).toEqual([0, 0, 0]);
});
