import { expect, test } from "vitest";
import type { Proxy } from "../api/proxy";
import { choose, orderOf, PAGE, pageOf, trouble } from "./proxies";

const proxy = (id: string, more: Partial<Omit<Proxy, "instance">> & { instance?: Partial<Proxy["instance"]> } = {}): Proxy => ({
  connected: true, since: "2026-01-01T00:00:00Z", build: "v1", subscribed: [], pushed: 3, accepted: 3, inSync: true, certExpires: "2026-01-02T00:00:00Z", ...more,
  instance: { id, service: id.replace(/-\d+$/, ""), version: "v1", address: "10.0.0.1:15006", identity: `spiffe://mesh.local/ns/default/sa/${id}`, state: "ready", ...more.instance },
});
const ids = (all: readonly Proxy[]) => all.map((p) => p.instance.id);
const all = [
  proxy("cart-10", { certExpires: "2026-01-01T00:00:00Z", propagationMs: 3 }),
  proxy("cart-2", { build: "v0", accepted: 1 }),
  proxy("away-1", { connected: false, inSync: false }),
  proxy("behind-1", { inSync: false, propagationMs: 900 }),
  proxy("refuses-1", { inSync: false, refusal: "compile route reviews" }),
  proxy("lost-1", { unknown: "control plane b does not answer" }),
  proxy("starts-1", { instance: { state: "starting" } }),
  proxy("file-1", { instance: { origin: "file" } }),
];

test("the worst first, then by name with its numbers", () => {
  expect(ids(choose(all, "", orderOf(undefined), false))).toEqual(["refuses-1", "away-1", "lost-1", "behind-1", "starts-1", "cart-2", "cart-10"]);
  expect(ids(choose(all, "", "state", true))).toEqual(["refuses-1", "away-1", "lost-1", "behind-1", "starts-1"]);
  expect(trouble(proxy("a", { instance: { state: "caller" } }))).toBe(0);
});

test("by anything that a table's head names", () => {
  expect(ids(choose(all, "cart", "instance", false))).toEqual(["cart-2", "cart-10"]);
  expect(ids(choose(all, "", "certificate", false))[0]).toBe("cart-10");
  expect(ids(choose(all, "", "took", false)).slice(0, 2)).toEqual(["behind-1", "cart-10"]);
  expect(ids(choose(all, "", "version", false))[0]).toBe("cart-2");
  expect(ids(choose(all, "", "build", false))[0]).toBe("cart-2");
  expect(orderOf("nonsense")).toBe("state");
});

test("words are looked for in all that is told of one", () => {
  expect(ids(choose(all, "ROUTE compile", "state", false))).toEqual(["refuses-1"]);
  expect(ids(choose(all, "sa/cart-2", "state", false))).toEqual(["cart-2"]);
  expect(choose(all, "file", "state", false)).toEqual([]);
});

test("pages hold all, each once; one that is not there is the last", () => {
  const many = Array.from({ length: 2 * PAGE + 1 }, (_, i) => proxy(`p-${i}`));
  const pages = [1, 2, 3].flatMap((n) => ids(pageOf(many, n).rows));
  expect(new Set(pages).size).toBe(many.length);
  expect(pageOf(many, 3)).toMatchObject({ page: 3, pages: 3, rows: [many.at(-1)] });
  for (const [asked, got] of [[99, 3], [0, 1], [-1, 1], [Number.NaN, 1], [1.7, 1]] as const) expect(pageOf(many, asked).page).toBe(got);
  expect(pageOf([], 1)).toEqual({ rows: [], page: 1, pages: 1 });
});
