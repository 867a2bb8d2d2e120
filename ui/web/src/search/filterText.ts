// The text of a filter: what people typed, and what the page adds to it.

/** A filter that asks for both. */
export function also(filter: string | undefined, more: string): string {
  const has = filter?.trim();
  if (!has) return more;
  return `${/\bor\b|\|\|/i.test(has) ? `(${has})` : has} AND ${more}`;
}

/** A text as the language quotes it. */
export function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, "\\$&").replaceAll("\n", "\\n").replaceAll("\t", "\\t")}"`;
}

/** A key as the language has it: in backquotes where it has other characters. */
export function spelledKey(key: string): string {
  return /^[\p{L}\d_./@-][\p{L}\d_.\-/:+*@%$#]*$/u.test(key) && !/^(and|or|not)$/i.test(key) ? key : `\`${key.replaceAll("`", "")}\``;
}

/** A value as the language has it: bare where it can be. */
export function spelledValue(value: string): string {
  return /^[\p{L}\d_.\-/:+*@%$#]+$/u.test(value) && !/^(and|or|not|exists)$/i.test(value) ? value : quoted(value);
}

/** The index in a text of the byte that the API counts from 1. */
export function indexOfByte(text: string, at: number): number {
  let bytes = 0;
  let index = 0;
  for (const c of text) {
    if (bytes >= at - 1) break;
    bytes += new TextEncoder().encode(c).length;
    index += c.length;
  }
  return index;
}

/** A text cut where a mistake is: before it, the character or word that it is about, and the rest. */
export function cutAt(text: string, at: number): [before: string, wrong: string, after: string] {
  const from = Math.min(indexOfByte(text, at), text.length);
  const wrong = /^(\s+|[^\s()=<>!~]+|[=<>!~]+|.)/su.exec(text.slice(from))?.[0] ?? "";
  return [text.slice(0, from), wrong, text.slice(from + wrong.length)];
}
