import type { Edge, Graph, Node } from "../api/graph";

// The language of the map's find box: words, name=value, name>number with a unit,
// AND, OR, NOT or -, and parentheses. `errors>1% OR p99>200ms -service=users`

type Test = (x: Item) => boolean;

interface Item {
  text: string;
  words: Record<string, string[]>;
  numbers: Record<string, number>;
}

export interface Found {
  nodes: Set<string>;
  edges: Set<string>;
}

const NUMBERS = ["rps", "errors", "p50", "p95", "p99"];
const WORDS = ["service", "version", "namespace", "health", "breaker", "protocol", "source", "destination", "mtls"];
export const FIND_NAMES = [...WORDS, ...NUMBERS];

/** Reads a query; throws an Error that says what is wrong with it. */
export function parseFind(query: string): Test {
  const tokens = query.match(/"[^"]*"|[()]|[^\s()]+/g) ?? [];
  let at = 0;
  const peek = () => tokens[at]?.toUpperCase();

  function either(): Test {
    const tests = [both()];
    while (peek() === "OR") {
      at++;
      tests.push(both());
    }
    return (x) => tests.some((t) => t(x));
  }
  function both(): Test {
    const tests = [one()];
    while (at < tokens.length && peek() !== "OR" && peek() !== ")") {
      if (peek() === "AND") at++;
      tests.push(one());
    }
    return (x) => tests.every((t) => t(x));
  }
  function one(): Test {
    const token = tokens[at++];
    if (token === undefined) throw new Error("something is missing at the end");
    if (token.toUpperCase() === "NOT") return not(one());
    if (token === "(") {
      const inner = either();
      if (tokens[at++] !== ")") throw new Error("a ) is missing");
      return inner;
    }
    if (token === ")") throw new Error("this ) closes nothing");
    return token.startsWith("-") && token.length > 1 ? not(term(token.slice(1))) : term(token);
  }

  if (tokens.length === 0) return () => true;
  const test = either();
  if (at < tokens.length) throw new Error(`"${tokens[at]}" is not expected here`);
  return test;
}

function not(t: Test): Test {
  return (x) => !t(x);
}

function term(token: string): Test {
  const m = /^([a-z0-9]+)(>=|<=|!=|=|>|<)(.+)$/i.exec(token);
  if (!m) {
    const text = token.replaceAll('"', "").toLowerCase();
    return (x) => x.text.includes(text);
  }
  const [, rawName, op, rawValue] = m as unknown as [string, string, string, string];
  const name = rawName.toLowerCase();
  const value = rawValue.replaceAll('"', "").toLowerCase();
  if (NUMBERS.includes(name)) return compare(name, op, number(name, value));
  if (!WORDS.includes(name)) throw new Error(`"${rawName}" is not known; try ${FIND_NAMES.slice(0, 3).join(", ")} or ${NUMBERS.join(", ")}`);
  if (op !== "=" && op !== "!=") throw new Error(`${name} takes = or !=`);
  const has: Test = (x) => (x.words[name] ?? []).includes(value);
  return op === "=" ? has : not(has);
}

function number(name: string, value: string): number {
  const m = /^(\d+(?:\.\d+)?)(ms|s|%)?$/.exec(value);
  if (!m) throw new Error(`"${value}" is no number for ${name}; try ${name === "errors" ? "1%" : name === "rps" ? "10" : "200ms"}`);
  const n = Number(m[1]);
  if (m[2] === "s") return n * 1000;
  return n;
}

function compare(name: string, op: string, value: number): Test {
  return (x) => {
    const have = x.numbers[name] ?? 0;
    switch (op) {
      case ">":
        return have > value;
      case "<":
        return have < value;
      case ">=":
        return have >= value;
      case "<=":
        return have <= value;
      case "!=":
        return have !== value;
      default:
        return have === value;
    }
  };
}

function nodeItem(n: Node): Item {
  const versions = (n.versions ?? []).map((v) => v.version.toLowerCase());
  return {
    text: n.id.toLowerCase(),
    words: {
      service: [n.id.toLowerCase()],
      version: versions,
      namespace: [n.namespace],
      health: [n.health],
      breaker: (n.versions ?? []).map((v) => v.breaker),
    },
    numbers: numbersOf(n),
  };
}

function edgeItem(e: Edge): Item {
  return {
    text: `${e.source} ${e.destination}`.toLowerCase(),
    words: {
      service: [e.source.toLowerCase(), e.destination.toLowerCase()],
      source: [e.source.toLowerCase()],
      destination: [e.destination.toLowerCase()],
      version: (e.versions ?? []).map((v) => v.version.toLowerCase()),
      health: [e.health],
      breaker: [e.breaker],
      protocol: [e.protocol.toLowerCase()],
      mtls: [String(e.mtlsShare >= 1)],
    },
    numbers: numbersOf(e),
  };
}

function numbersOf(r: Node | Edge): Record<string, number> {
  return { rps: r.rps, errors: r.errorShare * 100, p50: r.p50, p95: r.p95, p99: r.p99 };
}

/** The nodes and edges a query finds. Where only edges are found, their ends show with them. */
export function find(graph: Graph, query: string): Found {
  const test = parseFind(query);
  const nodes = new Set(graph.nodes.filter((n) => test(nodeItem(n))).map((n) => n.id));
  const edges = new Set<string>();
  for (const e of graph.edges) {
    if (test(edgeItem(e))) edges.add(e.id);
  }
  if (nodes.size === 0) {
    for (const e of graph.edges) if (edges.has(e.id)) nodes.add(e.source).add(e.destination);
  }
  return { nodes, edges };
}
