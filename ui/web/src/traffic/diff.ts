export interface DiffLine {
  sign: " " | "+" | "-";
  text: string;
}

const MOST = 4_000_000; // pairs of lines that are compared

const linesOf = (text: string): string[] => (text === "" ? [] : text.trimEnd().split("\n"));

/** The lines of two texts, those only in the first marked "-", only in the second "+". */
export function diff(before: string, after: string): DiffLine[] {
  const a = linesOf(before);
  const b = linesOf(after);
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  const same = (lines: string[]): DiffLine[] => lines.map((text) => ({ sign: " ", text }));
  return [...same(a.slice(0, head)), ...between(a.slice(head, a.length - tail), b.slice(head, b.length - tail)), ...same(a.slice(a.length - tail))];
}

/** The diff of what is left between equal ends: all of it where it is too much to compare. */
function between(a: string[], b: string[]): DiffLine[] {
  if (a.length * b.length > MOST) return [...a.map((text): DiffLine => ({ sign: "-", text })), ...b.map((text): DiffLine => ({ sign: "+", text }))];
  // Longest common subsequence.
  const length: number[][] = Array.from({ length: a.length + 1 }, () => new Array<number>(b.length + 1).fill(0));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      length[i]![j] = a[i] === b[j] ? length[i + 1]![j + 1]! + 1 : Math.max(length[i + 1]![j]!, length[i]![j + 1]!);
    }
  }
  const out: DiffLine[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      out.push({ sign: " ", text: a[i]! });
      i++;
      j++;
    } else if (i < a.length && (j >= b.length || length[i + 1]![j]! >= length[i]![j + 1]!)) {
      out.push({ sign: "-", text: a[i++]! });
    } else {
      out.push({ sign: "+", text: b[j++]! });
    }
  }
  return out;
}

/** Only what changed with a few lines around it, and how many are left out between. */
export function hunks(lines: readonly DiffLine[], around = 3): (DiffLine | number)[] {
  const out: (DiffLine | number)[] = [];
  const near = new Set<number>();
  lines.forEach((l, i) => {
    if (l.sign !== " ") for (let k = i - around; k <= i + around; k++) near.add(k);
  });
  let left = 0;
  lines.forEach((l, i) => {
    if (!near.has(i)) {
      left++;
      return;
    }
    if (left > 0) out.push(left);
    left = 0;
    out.push(l);
  });
  if (left > 0) out.push(left);
  return out;
}
