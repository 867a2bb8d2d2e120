import { describe, expect, test } from "vitest";
import type { Span } from "../api/trace";
import { phases } from "./phases";

const span = (attributes: Record<string, unknown>, more: Partial<Span> = {}): Span => ({
  traceId: "t", spanId: "s", name: "GET /", kind: "client", service: "a", mesh: true, start: "2026-03-01T12:00:00Z", durationNs: 100e6, status: "ok", attributes, ...more,
});
const parts = (s: Span) => phases(s).map((p) => [p.name, p.ms]);

describe("where the time of a request went", () => {
  test("its parts add up to its duration", () => {
    expect(parts(span({ "sightline.waited_ms": 5, "sightline.received_ms": 20, "sightline.first_byte_ms": 70 }))).toEqual([
      ["waiting for a connection", 5],
      ["request arriving", 15],
      ["until the answer began", 50],
      ["answer", 30],
    ]);
  });

  test("what took no time is left out", () => {
    expect(parts(span({ "sightline.first_byte_ms": 60 }))).toEqual([["until the answer began", 60], ["answer", 40]]);
    expect(parts(span({ "sightline.first_byte_ms": 100 }))).toEqual([["until the answer began", 100]]);
  });

  test("an answer that came before the request's end ends the wait for it", () => {
    expect(parts(span({ "sightline.received_ms": 90, "sightline.first_byte_ms": 40 }))).toEqual([["request arriving", 40], ["answer", 60]]);
  });

  test("a request that came while a connection was waited for cost no time of its own", () => {
    expect(parts(span({ "sightline.waited_ms": 30, "sightline.received_ms": 10, "sightline.first_byte_ms": 50 }))).toEqual([
      ["waiting for a connection", 30],
      ["until the answer began", 20],
      ["answer", 50],
    ]);
  });

  test("without an answer all of it was waiting", () => {
    expect(parts(span({ "sightline.waited_ms": 100.5 }))).toEqual([["waiting for a connection", 100]]);
    expect(parts(span({ "sightline.received_ms": 10 }))).toEqual([["request arriving", 10], ["no answer", 90]]);
  });

  test("nothing is made up", () => {
    expect(phases(span({}))).toEqual([]);
    expect(phases(span({ "sightline.first_byte_ms": "60" }))).toEqual([]);
    expect(phases(span({ "sightline.first_byte_ms": 60 }, { mesh: false }))).toEqual([]);
    expect(phases(span({}, { attributes: null }))).toEqual([]);
  });
});
