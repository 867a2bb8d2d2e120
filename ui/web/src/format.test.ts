import { describe, expect, test } from "vitest";
import { bytes, compact, ms, rate, share, span, time } from "./format";

const plain = (s: string) => s.replaceAll("\u202f", " ");

describe("numbers have three digits and a unit", () => {
  test.each([
    [0, "0 /s"],
    [0.004, "<0.01 /s"],
    [0.25, "0.25 /s"],
    [9.999, "10 /s"],
    [14.62, "14.6 /s"],
    [212.4, "212 /s"],
    [9_999, "10k /s"],
    [12_840, "12.8k /s"],
    [1_284_000, "1.28M /s"],
  ])("rate of %d", (n, want) => expect(plain(rate(n))).toBe(want));

  test.each([
    [0, "0 %"],
    [0.00001, "<0.01 %"],
    [0.0213, "2.13 %"],
    [0.5, "50 %"],
    [1, "100 %"],
    [Number.NaN, "–"],
  ])("share of %d", (n, want) => expect(plain(share(n))).toBe(want));

  test.each([
    [0, "0 ms"],
    [0.0421, "42 µs"],
    [8.24, "8.24 ms"],
    [212.6, "213 ms"],
    [1_500, "1.5 s"],
    [59_960, "1 min"],
  ])("duration of %d", (n, want) => expect(plain(ms(n))).toBe(want));

  test.each([
    [0, "0 B"],
    [999, "999 B"],
    [1_023, "1 KiB"],
    [1_536, "1.5 KiB"],
    [44_564_480, "42.5 MiB"],
    [5e18, "4,441 PiB"],
  ])("size of %d", (n, want) => expect(plain(bytes(n))).toBe(want));

  test("counts never show NaN", () => expect(compact(Number.NaN)).toBe("–"));
});

test("time says the day only when it is another", () => {
  const now = new Date(2026, 2, 1, 12, 0, 0);
  expect(time(new Date(2026, 2, 1, 9, 5, 7).toISOString(), now)).toBe("09:05:07");
  expect(time(new Date(2026, 1, 28, 9, 5, 7).toISOString(), now)).toMatch(/Feb 28, 09:05:07|28 Feb, 09:05:07/);
  expect(time("nonsense")).toBe("–");
});

test("spans of time", () => {
  expect([3_000, 240_000, 7_200_000, 200_000_000].map((v) => plain(span(v)))).toEqual(["3 s", "4 min", "2 h", "2 d"]);
});
