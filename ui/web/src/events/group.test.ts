import { describe, expect, test } from "vitest";
import type { EventKind, MeshEvent } from "../api/event";
import { gaps, group, merge } from "./group";

const event = (id: number, kind: EventKind, verdict = "", service = "payments"): MeshEvent => ({
  id: String(id).padStart(4, "0"), time: new Date(id * 1000).toISOString(), kind, verdict, by: "remedy", summary: kind, target: { service, version: "v2" },
});

describe("group", () => {
  test("the steps of a verdict stand together, with the anomaly that caused it", () => {
    const entries = group([event(60, "released", "a"), event(50, "probing", "a"), event(40, "traffic"), event(32, "tripped", "a"), event(30, "anomaly")]);
    expect(entries.map((e) => e.events.map((x) => x.kind))).toEqual([["anomaly", "tripped", "probing", "released"], ["traffic"]]);
    expect(gaps(entries[0]!.events)).toEqual([0, 2000, 18000, 10000]);
  });

  test("an anomaly of another target or long before is its own", () => {
    expect(group([event(200, "tripped", "a"), event(199, "anomaly", "", "cart"), event(10, "anomaly")])).toHaveLength(3);
  });

  test("two verdicts on one target are two entries, each with its own cause", () => {
    const entries = group([event(40, "tripped", "b"), event(39, "anomaly"), event(20, "released", "a"), event(10, "tripped", "a"), event(9, "anomaly")]);
    expect(entries.map((e) => e.events.length)).toEqual([2, 3]);
  });
});

test("pages and live events merge without doubles, newest first", () => {
  expect(merge([event(2, "tripped"), event(1, "anomaly")], [event(3, "released"), event(2, "tripped")]).map((e) => e.id)).toEqual(["0003", "0002", "0001"]);
});
