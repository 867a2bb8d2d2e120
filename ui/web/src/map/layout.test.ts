import { describe, expect, test } from "vitest";
import { best, clearOf, layout, nodeHeight, NODE_WIDTH, pin, type Layout, type LayoutInput } from "./layout";

function input(edges: [string, string][]): Omit<LayoutInput, "direction"> {
  const ids = [...new Set(edges.flat())].sort();
  return {
    nodes: ids.map((id) => ({ id, w: NODE_WIDTH, h: nodeHeight(1) })),
    edges: edges.map(([source, destination]) => ({ id: `${source}→${destination}`, source, destination })),
  };
}

const shop = input([
  ["gateway", "cart"],
  ["gateway", "catalog"],
  ["catalog", "reviews"],
]);

const pinsOf = (l: Layout) => Object.fromEntries(Object.entries(l.nodes).map(([id, b]) => [id, { x: b.x, y: b.y }]));

describe("layout", () => {
  test("callers stand before callees and no cards overlap", () => {
    for (const direction of ["LR", "TB"] as const) {
      const { nodes } = layout({ ...shop, direction });
      const along = (id: string) => (direction === "LR" ? nodes[id]!.x : nodes[id]!.y);
      expect(along("gateway")).toBeLessThan(along("cart"));
      expect(along("catalog")).toBeLessThan(along("reviews"));
      const all = Object.values(nodes);
      for (const a of all) for (const b of all) expect(a === b || a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y).toBe(true);
    }
  });

  test("is the same for the same graph", () => {
    expect(layout({ ...shop, direction: "LR" })).toEqual(layout({ ...shop, direction: "LR" }));
  });

  test("lives with loops and calls to oneself", () => {
    const l = layout({ ...input([["a", "b"], ["b", "a"], ["a", "a"]]), direction: "LR" });
    expect(Object.keys(l.nodes)).toEqual(["a", "b"]);
  });

  test("goes the way that shows larger", () => {
    const chain = input(["a", "b", "c", "d", "e", "f", "g"].map((id, i, all) => [id, all[i + 1] ?? "h"]));
    expect(best(chain, { w: 2400, h: 300 }).direction).toBe("LR");
    expect(best(chain, { w: 390, h: 800 }).direction).toBe("TB");
  });
});

describe("pin", () => {
  const fresh = layout({ ...shop, direction: "LR" });

  test("keeps places over refreshes", () => {
    expect(pin(fresh, pinsOf(fresh))).toEqual(fresh);
  });

  test("a new service moves no other", () => {
    const pins = pinsOf(fresh);
    const grown = layout({ ...input([["gateway", "cart"], ["gateway", "catalog"], ["catalog", "reviews"], ["gateway", "users"]]), direction: "LR" });
    const placed = pin(grown, pins);
    for (const [id, at] of Object.entries(pins)) expect(placed.nodes[id]).toMatchObject(at);
    expect(placed.nodes["users"]).toBeDefined();
  });

  test("a card that was dragged stays, and its lines lose their bends", () => {
    const pins = { ...pinsOf(fresh), cart: { x: 900, y: 900 } };
    const placed = pin(fresh, pins);
    expect(placed.nodes["cart"]).toMatchObject({ x: 900, y: 900 });
    expect(Object.values(placed.bends).flat()).toEqual([]);
  });

  test("a mostly new mesh is a new picture", () => {
    expect(pin(fresh, { cart: { x: 900, y: 900 } })).toBe(fresh);
  });
});

test("a new card finds room below others", () => {
  const taken = { x: 0, y: 0, w: 100, h: 50 };
  expect(clearOf({ x: 10, y: 10, w: 100, h: 50 }, [taken])).toMatchObject({ x: 10, y: 66 });
  expect(clearOf({ x: 300, y: 10, w: 100, h: 50 }, [taken])).toMatchObject({ x: 300, y: 10 });
});
