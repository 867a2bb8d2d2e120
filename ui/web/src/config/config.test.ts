import { describe, expect, test, vi } from "vitest";
import type { Finding, Resource } from "../api/config";
import { diff, hunks } from "../traffic/diff";
import { changesOf, comparable, documentsOf, idOf, versionOf } from "./documents";
import { draft, read } from "./draft";
import { byLine, count, find, sorted, standing, worst } from "./remarks";

const manifest = `# two of them
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  labels:
    name: not-this
  name: "reviews" # this
  namespace: shop
spec:
  hosts: [reviews]
---
kind: SLO
metadata: {name: fast, namespace: ops}
---
# nothing here
---
kind: Sidecar
metadata:
  name: narrow
`;

describe("documents of a manifest", () => {
  test("each with its kind, name, namespace and first line", () => {
    expect(documentsOf(manifest).map((d) => [idOf(d), d.line])).toEqual([
      ["VirtualService shop/reviews", 1],
      ["SLO ops/fast", 12],
      ["Sidecar default/narrow", 17],
    ]);
  });

  test("what is no resource is none, and does not fail", () => {
    for (const text of ["", "---\n---", "just words", "kind: SLO", "- a\n- b", "metadata:\n  name: x", "\t:\n{}"]) expect(documentsOf(text)).toEqual([]);
  });

  test("in flow style and JSON, with anchors, tags of its own and comments", () => {
    const json = JSON.stringify({ apiVersion: "v1", kind: "SLO", metadata: { labels: { name: "no", namespace: "no" }, name: "fast", namespace: "ops" } });
    for (const text of [
      json,
      JSON.stringify(JSON.parse(json), null, 2),
      '{kind: SLO, metadata: {namespace: ops, name: fast}} # one line',
      '{\n  kind: SLO,\n  metadata: {\n    namespace: ops,\n    name: "fast"\n  }\n}',
      "kind: SLO\nmetadata:\n  {labels: {name: no}, namespace: ops,\n   name: 'fast'}",
      "metadata: &m\n    namespace: ops\n    name: >-\n      fast\nkind: !!str SLO",
      "%YAML 1.2\n---\nkind: SLO\nmetadata: {name: fast, namespace: ops}\n...\n",
    ]) {
      expect(documentsOf(text).map(idOf), text).toEqual(["SLO ops/fast"]);
    }
    expect(documentsOf(`${json}\n---\n${json.replace("fast", "slow")}`).map((d) => [d.name, d.line])).toEqual([["fast", 1], ["slow", 3]]);
  });

  test("half written it is read as far as it goes, and never fails", () => {
    expect(documentsOf("kind: SLO\nmetadata: {name: fast, namespace: ops}\nspec: {a: [").map(idOf)).toEqual(["SLO ops/fast"]);
    for (const text of ['{"kind": "SLO", "meta', "kind: [SLO]\nmetadata: {name: {}}", "kind: *nothing\nmetadata: {name: a}", "{{{{", "? a\n: b", "kind: SLO\nkind: SLO\nmetadata: 3", "{a: *b}", "\u0000"]) {
      expect(() => documentsOf(text), text).not.toThrow();
      expect(() => comparable(text), text).not.toThrow();
    }
  });

  test("a diff of JSON and blocks shows what differs, and blocks keep their comments", () => {
    const block = "kind: SLO\nmetadata:\n  name: fast\nspec:\n  objective: 0.99";
    const flow = '{"kind":"SLO","metadata":{"name":"fast"},"spec":{"objective":0.999}}';
    expect(hunks(diff(comparable(block), comparable(flow)), 0).filter((l) => typeof l !== "number").map((l) => l.sign + l.text)).toEqual(["-  objective: 0.99", "+  objective: 0.999"]);
    expect(comparable(`# why\n${block}\n`)).toBe(`# why\n${block}`);
    expect(comparable("")).toBe("");
    expect(comparable("{broken: [")).toBe("{broken: [");
  });

  test("applying it changes what differs from what is stored", () => {
    const stored: Resource[] = [resource("SLO", "ops", "fast", "kind: SLO\nmetadata: {name: fast, namespace: ops}\n"), resource("Sidecar", "default", "narrow", "kind: Sidecar\nold: true")];
    expect(changesOf(manifest, stored).map((c) => [c.kind, c.how])).toEqual([
      ["VirtualService", "made"],
      ["Sidecar", "changed"],
    ]);
  });
});

test("a draft holds to the version that it began as, while it is that resource", () => {
  const from = { id: "SLO ops/fast", version: 7 };
  expect(read(JSON.stringify({ text: "a", from }))).toEqual({ text: "a", from });
  for (const kept of [null, "", "kind: SLO", "{}", '{"text":1}']) expect(read(kept)).toEqual({ text: "" });
  expect(read(JSON.stringify({ text: "a", from: { ...from, manifest: "b" } }))).toEqual({ text: "a", from: { ...from, manifest: "b" } });
  expect(read('{"text":"a","from":{"id":1}}')).toEqual({ text: "a" });
  expect(versionOf("kind: SLO\nmetadata: {name: fast, namespace: ops}", from)).toBe(7);
  expect(versionOf("kind: SLO\nmetadata: {name: other, namespace: ops}", from)).toBeUndefined();
  expect(versionOf(manifest, from)).toBeUndefined();
  expect(versionOf("kind: SLO\nmetadata: {name: fast, namespace: ops}", undefined)).toBeUndefined();
});

test("beginning another draft puts aside what was written, and only that", () => {
  const kept = new Map<string, string>();
  const storage = { getItem: (k: string) => kept.get(k) ?? null, setItem: (k: string, v: string) => kept.set(k, v), removeItem: (k: string) => kept.delete(k) };
  vi.stubGlobal("sessionStorage", storage);
  const from = (id: string, manifest: string) => ({ id, version: 1, manifest });
  draft.begin({ text: "a", from: from("SLO ops/a", "a") });
  draft.begin({ text: "b", from: from("SLO ops/b", "b") }); // nothing was written in a
  expect(draft.former().text).toBe("");
  draft.set({ text: "b, longer", from: from("SLO ops/b", "b") });
  draft.begin({ text: "" }); // cleared
  expect([draft.get().text, draft.former().text]).toEqual(["", "b, longer"]);
  draft.set({ text: "c" });
  expect(draft.swap()).toEqual({ text: "b, longer", from: from("SLO ops/b", "b") });
  expect([draft.get().text, draft.former().text]).toEqual(["b, longer", "c"]);
  expect(draft.swap().text).toBe("c");
  vi.unstubAllGlobals();
});

function resource(kind: string, namespace: string, name: string, text = "", more: Partial<Resource> = {}): Resource {
  return { kind, namespace, name, version: 1, changed: "", by: "ada", manifest: text, ...more };
}

const finding = (severity: Finding["severity"], code = "SL0001", line?: number): Finding => ({ severity, code, resource: "", path: "", message: "", line });

describe("findings", () => {
  test("the worst first, then by line", () => {
    const all = [finding("info", "SL3"), finding("warning", "SL2", 9), finding("error", "SL1"), finding("warning", "SL4", 2)];
    expect(sorted(all).map((f) => f.code)).toEqual(["SL1", "SL4", "SL2", "SL3"]);
    expect(worst(all)).toBe("error");
    expect(worst([])).toBeUndefined();
    expect(count(all)).toBe("1 error, 2 warnings, 1 remark");
    expect([...byLine(all).keys()]).toEqual([9, 2]);
  });

  test("a resource stands as badly as the worst that is said of it", () => {
    const r = resource("HTTPRoute", "default", "cart");
    const rejected = resource("HTTPRoute", "default", "cart", "", {
      status: { parents: [{ parentRef: { kind: "Service", namespace: "default", name: "cart" }, conditions: [{ type: "Accepted", status: "True", reason: "Accepted", message: "" }, { type: "ResolvedRefs", status: "False", reason: "BackendNotFound", message: "" }] }] },
    });
    expect(standing(r, []).words).toBe("accepted");
    expect(standing(r, [finding("info")])).toMatchObject({ tone: "good", words: "accepted, 1 remark" });
    expect(standing(r, [finding("warning")])).toMatchObject({ tone: "warn", words: "1 warning" });
    expect(standing(rejected, [finding("warning")])).toMatchObject({ tone: "bad", words: "ResolvedRefs: BackendNotFound" });
    expect(standing(rejected, [finding("error")]).words).toBe("1 error");
  });

  test("a search looks into manifests too", () => {
    const all = [resource("SLO", "ops", "fast", "objective: 0.99"), resource("Sidecar", "default", "narrow")];
    expect(find(all, undefined, " OPS 0.99 ").map(idOf)).toEqual(["SLO ops/fast"]);
    expect(find(all, "Sidecar", "").map(idOf)).toEqual(["Sidecar default/narrow"]);
    expect(find(all, "SLO", "narrow")).toEqual([]);
  });
});

describe("diffs", () => {
  test("far from a change lines are counted, not shown", () => {
    const before = Array.from({ length: 30 }, (_, i) => `line ${i}`);
    const after = before.map((l, i) => (i === 15 ? "other" : l));
    const shown = hunks(diff(before.join("\n"), after.join("\n")));
    expect(shown[0]).toBe(12);
    expect(shown.at(-1)).toBe(11);
    expect(shown.filter((l) => typeof l !== "number").map((l) => l.sign).join("")).toBe("   -+   ");
    expect(hunks(diff("a", "a"))).toEqual([1]);
  });

  test("two long texts with nothing in common do not take for ever", () => {
    const long = (word: string) => Array.from({ length: 3_000 }, (_, i) => `${word} ${i}`).join("\n");
    const lines = diff(long("a"), long("b"));
    expect(lines).toHaveLength(6_000);
    expect([lines[0]!.sign, lines.at(-1)!.sign]).toEqual(["-", "+"]);
  });
});
