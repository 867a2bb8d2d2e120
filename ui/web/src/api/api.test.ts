import { afterEach, describe, expect, test, vi } from "vitest";
import { api, Problem } from "./fetch";
import { History } from "./history";
import { allows } from "./session";

afterEach(() => vi.unstubAllGlobals());

function answer(status: number, body: unknown) {
  const fetched = vi.fn(() => Promise.resolve(new Response(body === undefined ? null : JSON.stringify(body), { status })));
  vi.stubGlobal("fetch", fetched);
  vi.stubGlobal("location", { pathname: "/traces", search: "?q=a", assign: vi.fn() });
  return fetched;
}

describe("the fetch function", () => {
  test("asks with what is set and returns the answer", async () => {
    const fetched = answer(200, { ok: 1 });
    expect(await api("traces", { query: { service: "cart", status: undefined, q: "" } })).toEqual({ ok: 1 });
    expect(fetched).toHaveBeenCalledWith("/api/v1/traces?service=cart", expect.objectContaining({ method: "GET" }));
  });

  test("turns a problem document into an error with its words", async () => {
    answer(400, { title: "Bad Request", detail: "limit: is 0", errors: [{ field: "limit", message: "is 0" }] });
    const p = await api("traces").catch((e: unknown) => e);
    expect(p).toBeInstanceOf(Problem);
    expect(p).toMatchObject({ status: 400, message: "limit: is 0", errors: [{ field: "limit" }] });
  });

  test("leads to the sign-in page and back when the session has ended", async () => {
    answer(401, { title: "Unauthorized" });
    await expect(api("graph")).rejects.toMatchObject({ status: 401 });
    expect(location.assign).toHaveBeenCalledWith("/signin?next=%2Ftraces%3Fq%3Da");
  });

  test("no answer is a problem too", async () => {
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("refused")));
    await expect(api("graph")).rejects.toMatchObject({ status: 0 });
  });
});

test("history keeps five minutes of each node, and each second once", () => {
  const h = new History();
  const rates = { rps: 2, errorShare: 0.5, p50: 1, p95: 2, p99: 3, requests: 2, failed: 1 };
  for (let i = 1; i <= 400; i++) {
    const graph = { start: "", end: new Date(i * 1000).toISOString(), nodes: [{ ...rates, id: "a", namespace: "", health: "failing" as const, versions: [] }], edges: [] };
    h.add(graph);
    h.add(graph);
  }
  const s = h.read("node:a");
  expect(s.t).toHaveLength(300);
  expect([s.t[0], s.t.at(-1), s.failed[0]]).toEqual([101, 400, 1]);
  expect(h.read("node:nobody").t).toEqual([]);
});

test("roles", () => {
  expect(allows({ name: "a", role: "operator" }, "operator")).toBe(true);
  expect(allows({ name: "a", role: "viewer" }, "operator")).toBe(false);
  expect(allows(undefined, "viewer")).toBe(false);
});
