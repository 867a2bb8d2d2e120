import { describe, expect, test } from "vitest";
import type { Edge, Graph, Node } from "../api/graph";
import { find, parseFind } from "./find";

const rates = { rps: 10, errorShare: 0, p50: 5, p95: 9, p99: 20, requests: 50, failed: 0 };
const node = (id: string, more: Partial<Node> = {}): Node => ({ ...rates, id, namespace: "default", health: "healthy", versions: [], ...more });
const edge = (source: string, destination: string, more: Partial<Edge> = {}): Edge => ({
  ...rates, id: `${source}→${destination}`, source, destination, protocol: "http/1.1", mtlsShare: 1, health: "healthy", breaker: "admitting", versions: [], ...more,
});

const graph: Graph = {
  start: "", end: "",
  nodes: [node("cart"), node("payments", { errorShare: 0.2, p99: 900, health: "failing" }), node("ratings")],
  edges: [edge("cart", "payments", { errorShare: 0.2, p99: 900 }), edge("cart", "ratings", { protocol: "grpc" })],
};

describe("find", () => {
  test.each([
    ["", ["cart", "payments", "ratings"]],
    ["cart", ["cart"]],
    ["PAY", ["payments"]],
    ["service=cart OR service=ratings", ["cart", "ratings"]],
    ["errors>1%", ["payments"]],
    ["errors>1% AND p99>1s", []],
    ["p99>=900ms", ["payments"]],
    ["-payments", ["cart", "ratings"]],
    ["NOT (cart OR ratings)", ["payments"]],
    ["health!=healthy", ["payments"]],
    ['"rat"', ["ratings"]],
    ["protocol=grpc", ["cart", "ratings"]], // only an edge: its ends show with it
  ])("%s", (query, want) => expect([...find(graph, query).nodes].sort()).toEqual(want));

  test.each([
    ["errors>many", /no number/],
    ["color=red", /not known/],
    ["service>3", /takes = or !=/],
    ["(cart", /\) is missing/],
    ["cart )", /not expected/],
    ["cart OR", /missing at the end/],
  ])("%s is refused with a reason", (query, why) => expect(() => parseFind(query)).toThrow(why));
});
