import { describe, expect, test } from "vitest";
import { placeOf } from "./complete";
import { also, cutAt, indexOfByte, quoted, spelledKey, spelledValue } from "./filterText";
import { periodOf } from "./period";

describe("what may come next", () => {
  test.each([
    ["", "key", 0, "", undefined],
    ["ser", "key", 0, "ser", undefined],
    ["service ", "operator", 8, "", undefined],
    ["service =", "operator", 8, "=", undefined],
    ["service = ", "value", 10, "", "service"],
    ["service = ca", "value", 10, "ca", "service"],
    ['service = "ca', "value", 10, "ca", "service"],
    ['service = "a b" ', "joint", 16, "", undefined],
    ["service = cart A", "joint", 15, "A", undefined],
    ["service = cart AND ", "key", 19, "", undefined],
    ["NOT (co", "key", 5, "co", undefined],
    ["`odd key` != ", "value", 13, "", "odd key"],
    ["a exists ", "joint", 9, "", undefined],
    ["a = exists", "value", 4, "exists", "a"],
    ["(a = 1) ", "joint", 8, "", undefined],
    ['"some text" ', "joint", 12, "", undefined],
  ])("%s|", (text, want, from, typed, key) => {
    expect(placeOf(text)).toEqual({ want, from, typed, ...(key !== undefined && { key }) });
  });
});

describe("texts of filters", () => {
  test("are joined so that both hold", () => {
    expect(also(undefined, "a = 1")).toBe("a = 1");
    expect(also("b = 2", "a = 1")).toBe("b = 2 AND a = 1");
    expect(also("b = 2 or c = 3", "a = 1")).toBe("(b = 2 or c = 3) AND a = 1");
  });
  test("are spelled as the language wants them", () => {
    expect([spelledKey("http.route"), spelledKey("odd key"), spelledKey("and")]).toEqual(["http.route", "`odd key`", "`and`"]);
    expect([spelledValue("/a/b"), spelledValue("a b"), spelledValue("or")]).toEqual(["/a/b", '"a b"', '"or"']);
    expect(quoted('say "x"\\\n')).toBe('"say \\"x\\"\\\\\\n"');
  });
  test("places are bytes", () => {
    expect(indexOfByte("é = 1 b", 8)).toBe(6);
    expect(cutAt("a = 1 bad c", 7)).toEqual(["a = 1 ", "bad", " c"]);
    expect(cutAt("a = ", 5)).toEqual(["a = ", "", ""]);
  });
});

describe("a period", () => {
  const now = new Date("2026-03-01T12:00:03Z");
  test.each([
    [{}, "2026-03-01T11:00:00.000Z", "2026-03-01T12:00:00.000Z"],
    [{ range: "5m" }, "2026-03-01T11:55:00.000Z", "2026-03-01T12:00:00.000Z"],
    [{ range: "never" }, "2026-03-01T11:00:00.000Z", "2026-03-01T12:00:00.000Z"],
    [{ range: "5m", from: "2026-02-01T00:00:00Z", to: "2026-02-01T01:00:00Z" }, "2026-02-01T00:00:00.000Z", "2026-02-01T01:00:00.000Z"],
    [{ from: "2026-02-02T00:00:00Z", to: "2026-02-01T01:00:00Z" }, "2026-03-01T11:00:00.000Z", "2026-03-01T12:00:00.000Z"],
  ])("%j", (choice, start, end) => expect(periodOf(choice, now)).toEqual({ start, end }));
});
