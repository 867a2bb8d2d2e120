import { expect, test } from "vitest";
import type { JoinToken } from "../api/identity";
import { isOwn, patternFault, scopeOf, standingOf, usesLeft } from "./token";

const token = (more: Partial<JoinToken> = {}): JoinToken => ({ id: "abf27f7ba9ab", uses: 0, limited: false, used: 0, expires: "2026-01-01T00:00:00Z", state: "good", ...more });

test("whom a token lets in", () => {
  expect(scopeOf(token())).toBe("any service");
  expect(scopeOf(token({ service: "cart" }))).toBe("service cart");
  expect(scopeOf(token({ service: "shop-*", namespace: "prod" }))).toBe("services like shop-* in namespace prod");
  expect(scopeOf(token({ namespace: "team-*" }))).toBe("any service in namespaces like team-*");
  expect(scopeOf(token({ namespace: "sightline" }))).toBe("the mesh's own parts");
  expect(isOwn(token({ namespace: "sightline" }))).toBe(true);
  expect(isOwn(token())).toBe(false);
});

test("how often, and how it stands", () => {
  expect(usesLeft(token())).toBe("any number");
  expect(usesLeft(token({ limited: true, uses: 0 }))).toBe("0");
  expect(standingOf(token()).tone).toBe("good");
  expect(standingOf(token({ oldRoot: true })).tone).toBe("warn");
  expect(standingOf(token({ state: "expired" })).tone).toBe("plain");
  expect(standingOf(token({ state: "unreadable" })).tone).toBe("bad");
});

test("a scope that the control plane would refuse is told before", () => {
  for (const good of ["", "cart", "shop-*", "*", "a", "a-1", "a".repeat(63)]) expect(patternFault(good)).toBe("");
  for (const bad of ["Cart", "a b", "-a", "a-", "a.b", "a".repeat(64), "[a]"]) expect(patternFault(bad)).not.toBe("");
});
