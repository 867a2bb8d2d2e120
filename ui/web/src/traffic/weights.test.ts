import { describe, expect, test } from "vitest";
import type { Traffic } from "../api/traffic";
import { diff } from "./diff";
import { preview } from "./manifest";
import { sharesOf, withShare } from "./weights";

const traffic = (more: Partial<Traffic>): Traffic => ({ service: "reviews", weights: {}, versions: ["v1", "v2"], source: "", canUndo: false, manifest: "", matches: false, ...more });

describe("shares", () => {
  test("weights of any sum become percents", () => {
    expect(sharesOf(traffic({ weights: { v1: 1, v2: 3 } }))).toEqual({ v1: 25, v2: 75 });
    expect(sharesOf(traffic({ versions: ["v1", "v2", "v3"] }))).toEqual({ v1: 34, v2: 33, v3: 33 });
    expect(sharesOf(traffic({ versions: null, weights: null }))).toEqual({});
  });

  test("versions are in the order people count", () => {
    expect(Object.keys(sharesOf(traffic({ versions: ["v10", "v2", "v1"] })))).toEqual(["v1", "v2", "v10"]);
  });

  test("two versions: one gets the rest", () => {
    expect(withShare({ v1: 90, v2: 10 }, "v2", 25)).toEqual({ v1: 75, v2: 25 });
    expect(withShare({ v1: 90, v2: 10 }, "v2", 100)).toEqual({ v1: 0, v2: 100 });
    expect(withShare({ v1: 0, v2: 100 }, "v2", 40)).toEqual({ v1: 60, v2: 40 });
  });

  test("three versions: the others keep their proportion, and it is always 100", () => {
    expect(withShare({ v1: 60, v2: 20, v3: 20 }, "v1", 20)).toEqual({ v1: 20, v2: 40, v3: 40 });
    for (let p = 0; p <= 100; p++) {
      const sum = Object.values(withShare({ v1: 33, v2: 33, v3: 34 }, "v3", p)).reduce((a, b) => a + b, 0);
      expect(sum).toBe(100);
    }
  });

  test("out of range is cut", () => {
    expect(withShare({ v1: 50, v2: 50 }, "v1", 180)).toEqual({ v1: 100, v2: 0 });
    expect(withShare({ v1: 100 }, "v1", 10)).toEqual({ v1: 100 });
  });
});

const manifest = `apiVersion: networking.istio.io/v1
kind: VirtualService
spec:
  http:
  - match:
    - headers:
        end-user:
          exact: jason
    route:
    - destination:
        host: reviews
        subset: v2
  - route:
    - destination:
        host: reviews
        subset: v1
      weight: 80
    - weight: 20
      destination:
        host: reviews
        subset: v2`;

describe("preview", () => {
  test("changes the weights and nothing else", () => {
    const after = preview(traffic({ manifest }), { v1: 75, v2: 25 });
    const changed = diff(manifest, after).filter((l) => l.sign !== " ");
    expect(changed.map((l) => l.sign + l.text.trim())).toEqual(["-weight: 80", "-- weight: 20", "+weight: 75", "+- weight: 25"]);
  });

  test("without a manifest there will be one", () => {
    const after = preview(traffic({ service: "orders.shop" }), { v1: 50, v2: 50 });
    expect(after).toContain("name: orders\n  namespace: shop");
    expect(after.match(/weight: 50/g)).toHaveLength(2);
  });
});

test("a diff has both texts in it", () => {
  expect(diff("a\nb\nc", "a\nx\nc").map((l) => l.sign + l.text)).toEqual([" a", "-b", "+x", " c"]);
  expect(diff("", "a").map((l) => l.sign)).toEqual(["+"]);
  expect(diff("a", "")).toEqual([{ sign: "-", text: "a" }]);
});
