// What may come next where the caret is in a filter.

export interface Place {
  want: "key" | "operator" | "value" | "joint";
  from: number; // where the word begins that the caret is in or behind
  typed: string; // that word up to the caret, without quotes
  key?: string; // whose value is wanted
}

export const OPERATORS: [op: string, about: string][] = [
  ["=", "is"],
  ["!=", "is there and is not"],
  [">", "more than"],
  [">=", "at least"],
  ["<", "less than"],
  ["<=", "at most"],
  ["=~", "matches a regular expression"],
  ["!~", "is there and does not match"],
  ["~", "holds the text"],
  ["exists", "is there"],
];

export const JOINTS: [word: string, about: string][] = [
  ["AND", "both"],
  ["OR", "one of both"],
];

interface Token {
  kind: "word" | "quoted" | "ticked" | "operator" | "open" | "close" | "joint" | "not";
  text: string;
  from: number;
  ended: boolean; // nothing more can belong to it
}

const shapes: [Token["kind"], RegExp][] = [
  ["quoted", /^"(?:[^"\\]|\\.)*"?/s],
  ["ticked", /^`[^`]*`?/],
  ["joint", /^(&&|\|\|)/],
  ["operator", /^(!=|!~|=~|==|>=|<=|=|>|<|~)/],
  ["not", /^!/],
  ["open", /^\(/],
  ["close", /^\)/],
  ["word", /^[^\s"`()=<>!~&|]+/],
];

function tokens(text: string): Token[] {
  const all: Token[] = [];
  for (let at = 0; at < text.length; ) {
    const rest = text.slice(at);
    const blank = /^\s+/.exec(rest);
    if (blank) {
      at += blank[0].length;
      continue;
    }
    const [kind, m] = shapes.map(([k, shape]) => [k, shape.exec(rest)] as const).find(([, found]) => found) ?? ["word", /^./su.exec(rest)];
    const part = m![0];
    const end = at + part.length;
    const word = /^(and|or)$/i.test(part) ? "joint" : /^not$/i.test(part) ? "not" : /^exists$/i.test(part) && all.at(-1)?.kind !== "operator" ? "operator" : kind;
    const closed = kind === "quoted" || kind === "ticked" ? part.length > 1 && part.endsWith(part[0]!) && !/[^\\]\\"$/.test(part) : kind === "open" || kind === "close";
    all.push({ kind: kind === "word" ? word : kind, text: part, from: at, ended: closed || end < text.length });
    at = end;
  }
  return all;
}

/** What a caret at the end of a text waits for. */
export function placeOf(text: string): Place {
  const all = tokens(text);
  const last = all.at(-1);
  const open = last && !last.ended ? all.pop() : undefined;
  const from = open?.from ?? text.length;
  const typed = (open?.text ?? "").replace(/^["`]/, "");
  const before = all.at(-1);
  const place = (want: Place["want"], key?: string): Place => ({ want, from, typed, ...(key !== undefined && { key }) });

  if (!before || ["joint", "not", "open"].includes(before.kind)) return place("key");
  if (before.kind === "operator" && before.text.toLowerCase() !== "exists") {
    return place("value", bare(all.at(-2)));
  }
  if (before.kind === "word" || before.kind === "ticked" || before.kind === "quoted") {
    const isValue = all.at(-2)?.kind === "operator" && all.at(-2)?.text.toLowerCase() !== "exists";
    return place(isValue || before.kind === "quoted" ? "joint" : "operator");
  }
  return place("joint");
}

function bare(t: Token | undefined): string {
  return (t?.text ?? "").replaceAll("`", "");
}
