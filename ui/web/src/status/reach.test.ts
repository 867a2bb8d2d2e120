import { expect, test } from "vitest";
import type { ConfigChange } from "../api/proxy";
import { reach, whatChanged } from "./reach";

const change = (c: Partial<ConfigChange>): ConfigChange => ({ version: 1, committed: "", services: [], changed: 1, sidecars: 4, applied: 4, refused: 0, left: 0, p50Ms: 1, lastMs: 2, ...c });

test("a change that all have, one on its way, one refused, and one that a sidecar left before", () => {
  expect(reach(change({}))).toMatchObject({ tone: "good", words: "4 of 4" });
  expect(reach(change({ applied: 3 }))).toMatchObject({ tone: "warn", words: "3 of 4, 1 on the way" });
  expect(reach(change({ applied: 2, refused: 1 }))).toMatchObject({ tone: "bad", words: "2 of 4, 1 refused, 1 on the way" });
  expect(reach(change({ applied: 3, left: 1 }))).toMatchObject({ tone: "good", words: "3 of 4, 1 left" });
});

test("a change is of policies, of services, or of both, and names some", () => {
  expect(whatChanged(change({ services: ["a"] }))).toEqual({ names: ["a"], more: 0 });
  expect(whatChanged(change({ services: null, changed: 0, policies: ["Telemetry shop/t"], policiesChanged: 1 }))).toEqual({ names: ["Telemetry shop/t"], more: 0 });
  expect(whatChanged(change({ services: ["a"], changed: 3, policies: ["Telemetry shop/t"], policiesChanged: 2 }))).toEqual({ names: ["Telemetry shop/t", "a"], more: 3 });
  expect(whatChanged(change({ services: null, changed: 0 }))).toEqual({ names: ["policies"], more: 0 });
});
