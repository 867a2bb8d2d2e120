import { describe, expect, test } from "vitest";
import type { Span } from "../api/trace";
import { isDuration, ofRoots, upgraded } from "./filter";
import { exactMs, hueOf, picture, ticks } from "./waterfall";

const span = (spanId: string, parentId: string, more: Partial<Span> = {}): Span => ({
  traceId: "t", spanId, parentId, name: "GET /", kind: "server", service: "a", mesh: true, start: "2026-03-01T12:00:00.000Z", durationNs: 10e6, status: "ok", ...more,
});

const hop = [
  span("root", ""),
  span("out", "root", { kind: "client", start: "2026-03-01T12:00:00.001Z", durationNs: 6e6 }),
  span("in", "out", { kind: "server", service: "b", start: "2026-03-01T12:00:00.002500Z", durationNs: 4e6, status: "error" }),
  span("deep", "in", { kind: "client", service: "b", start: "2026-03-01T12:00:00.003Z" }),
];

const all = { hops: true, closed: new Set<string>() };
const folded = { hops: false, closed: new Set<string>() };

describe("rows of a trace", () => {
  test("both sides of a hop stand in one row, and a failure of either shows", () => {
    const p = picture(hop, folded);
    expect(p.rows.map((r) => [r.span.spanId, r.inner?.spanId, r.depth])).toEqual([
      ["root", undefined, 0],
      ["out", "in", 1],
      ["deep", undefined, 2],
    ]);
    expect(p.rows[1]).toMatchObject({ error: true, start: 1, duration: 6 });
    expect(p.services).toEqual(["a", "b"]);
  });

  test("or in rows of their own", () => {
    expect(picture(hop, all).rows.map((r) => r.span.spanId)).toEqual(["root", "out", "in", "deep"]);
  });

  test("closed rows hide what is beneath", () => {
    expect(picture(hop, { hops: false, closed: new Set(["out"]) }).rows.map((r) => r.span.spanId)).toEqual(["root", "out"]);
  });

  test("tries are not folded away: a call with two answers is no single hop", () => {
    const tries = [...hop, span("in2", "out", { kind: "server", service: "b" })];
    expect(picture(tries, folded).rows[1]).toMatchObject({ inner: undefined, children: 2 });
  });

  test("a lost parent makes a root, and a span that is its own parent no loop", () => {
    expect(picture([span("x", "gone"), span("y", "y")], all).rows.map((r) => r.depth)).toEqual([0, 0]);
  });

  test("100,000 spans, however deep or wide, are drawn", () => {
    const deep = Array.from({ length: 100_000 }, (_, i) => span(String(i), i === 0 ? "" : String(i - 1)));
    const wide = Array.from({ length: 100_000 }, (_, i) => span(String(i), i === 0 ? "" : "0"));
    for (const spans of [deep, wide]) expect(picture(spans, all).rows).toHaveLength(100_000);
  });
});

test("times keep what is below a millisecond", () => {
  expect(exactMs("2026-03-01T12:00:00.001500Z") - exactMs("2026-03-01T12:00:00.001Z")).toBeCloseTo(0.5, 3);
  expect(exactMs("2026-03-01T12:00:00Z")).toBe(Date.parse("2026-03-01T12:00:00Z"));
});

test("the scale has round numbers", () => {
  expect(ticks(170, 5)).toEqual([0, 50, 100, 150]);
  expect(ticks(0.9, 5)).toHaveLength(5);
});

test("services have steady colours", () => {
  expect(hueOf("payments")).toBe(hueOf("payments"));
  expect(new Set(["gateway", "cart", "catalog", "checkout", "payments", "reviews", "users", "shipping"].map(hueOf)).size).toBeGreaterThan(4);
});

test("old links with free text are filters", () => {
  expect(upgraded({ q: "GET /cart", service: "web" })).toEqual({ service: "web", filter: '"GET /cart"' });
  expect(upgraded({ q: "customer=c-1", filter: "code = 1" })).toEqual({ filter: 'code = 1 AND customer = "c-1"' });
  expect(upgraded({ min: "1s" })).toEqual({ min: "1s" });
});

test("without a condition on spans a search is about roots", () => {
  expect([ofRoots({}), ofRoots({ status: "error", min: "1s" }), ofRoots({ service: "a" }), ofRoots({ filter: "a = 1" }), ofRoots({ spans: "all" })]).toEqual([true, true, false, false, false]);
});

test("durations are what the API takes", () => {
  for (const good of ["250ms", "1.5s", "1m30s", "2h"]) expect(isDuration(good), good).toBe(true);
  for (const bad of ["", "5", "fast", "-1s", "0s", "1 s"]) expect(isDuration(bad), bad).toBe(false);
});
