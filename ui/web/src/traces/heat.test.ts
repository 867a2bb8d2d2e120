import { describe, expect, test } from "vitest";
import type { Heatmap } from "../api/search";
import { between, boxFilter, boxOf, boxText, durationText, PAD, scalesOf, slowBound, wider } from "./heat";

const heat: Heatmap = {
  start: "2026-03-01T12:00:00.000Z", end: "2026-03-01T12:10:00.000Z", stepMs: 60_000, scale: 1, spans: 110, errors: 5,
  cells: [
    { column: 0, bucket: 6, spans: 60, errors: 0 },
    { column: 3, bucket: 6, spans: 40, errors: 0 },
    { column: 3, bucket: 16, spans: 10, errors: 5 },
  ],
};
const size = { w: PAD.left + PAD.right + 100, h: PAD.top + PAD.bottom + 130 }; // 10 columns, 13 rows from bucket 5

describe("a heatmap", () => {
  const s = scalesOf(heat, size);

  test("a rectangle over a cell is that cell, whole", () => {
    const c = s.cell(3, 16);
    const box = s.box({ x: c.x + 2, y: c.y + 2, w: 3, h: 3 });
    expect(box.from).toBe(Date.parse("2026-03-01T12:03:00Z"));
    expect(box.to).toBe(Date.parse("2026-03-01T12:04:00Z"));
    expect(box.low).toBeCloseTo(256e6, 0);
    expect(box.high).toBeCloseTo(256e6 * Math.SQRT2, 0);
    const again = s.area(box);
    for (const k of ["x", "y", "w", "h"] as const) expect(again[k]).toBeCloseTo(c[k], 3);
  });

  test("a rectangle beyond the edges ends at them", () => {
    const box = s.box({ x: -50, y: -50, w: 5000, h: 5000 });
    expect([box.from, box.to]).toEqual([Date.parse(heat.start), Date.parse(heat.end)]);
  });

  test("keys move from cell to cell, within the grid", () => {
    expect(s.nearest({ column: 99, bucket: 99 })).toEqual({ column: 9, bucket: 17 });
    expect(s.nearest({ column: -1, bucket: -9 })).toEqual({ column: 0, bucket: 5 });
    const box = s.box(between(s.centre({ column: 3, bucket: 16 }), s.centre({ column: 1, bucket: 6 })));
    expect([box.from, box.to]).toEqual([Date.parse("2026-03-01T12:01:00Z"), Date.parse("2026-03-01T12:04:00Z")]);
    expect(box.low).toBeCloseTo(8e6, 0);
    expect(box.high).toBeCloseTo(256e6 * Math.SQRT2, 0);
  });

  test("a finger takes the cells around what it points at", () => {
    const p = s.centre({ column: 3, bucket: 16 });
    const box = s.box(wider({ ...p, w: 0, h: 0 }, 9));
    expect([box.from, box.to]).toEqual([Date.parse("2026-03-01T12:02:00Z"), Date.parse("2026-03-01T12:05:00Z")]);
  });

  test("lines are at round durations", () => {
    expect(s.lines.map((l) => l.ns)).toEqual([1e7, 3e7, 1e8, 3e8]);
  });

  test("the slowest are those above a bucket's bound", () => {
    expect(slowBound(heat, 0.05)).toBeCloseTo(256e6, 0);
    const cell = (bucket: number, spans: number) => ({ column: 0, bucket, spans, errors: 0 });
    expect(slowBound({ ...heat, spans: 1000, cells: [cell(2, 860), cell(4, 134), cell(5, 6)] }, 0.05)).toBeCloseTo(4e6, 0);
    expect(slowBound({ ...heat, spans: 1000, cells: [cell(2, 500), cell(4, 490), cell(5, 10)] }, 0.05)).toBeCloseTo(2 ** 2.5 * 1e6, 0);
    expect(slowBound({ ...heat, cells: [heat.cells[0]!], spans: 60 }, 0.05)).toBeUndefined();
  });
});

test("a box is a text in the URL and a filter", () => {
  const box = { from: 1, to: 2, low: 8e6, high: 256e6 };
  expect(boxOf(boxText(box))).toEqual(box);
  expect([boxOf(undefined), boxOf("1_2"), boxOf("2_1_3_4"), boxOf("a_b_c_d"), boxOf("1_2_3_4_5")]).toEqual([undefined, undefined, undefined, undefined, undefined]);
  expect(boxFilter(box)).toBe("duration > 8ms AND duration <= 256ms");
  expect([durationText(11_313_708.5), durationText(1.5e9), durationText(707.1)]).toEqual(["11.314ms", "1.5s", "1us"]);
});
