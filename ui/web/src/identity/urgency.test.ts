import { describe, expect, test } from "vitest";
import type { Authority, Holder } from "../api/identity";
import { alarms, lifeLeft } from "./urgency";

const now = Date.parse("2026-03-01T12:00:00Z");
const inHours = (h: number) => new Date(now + h * 3_600_000).toISOString();
const root = (role: "active" | "retiring", hours: number, alarm?: "warning" | "critical" | "expired") => ({ subject: "", fingerprint: role, serial: "", expires: inHours(hours), role, alarm });
const holder = (instance: string, alarm?: "warning" | "critical", failure?: string): Holder => ({ identity: "", instance, service: "", since: "", version: 1, signer: "", serial: "", expires: inHours(1), alarm, failures: failure ? 3 : 0, failure });

function authority(change: Partial<Authority>): Authority {
  const signing = { subject: "", fingerprint: "", serial: "", expires: inHours(9000) };
  return { trustDomain: "", phase: "steady", next: "", version: 1, signing, roots: [root("active", 9000)], own: true, supplied: false, holders: 0, lagging: [], outstanding: [], troubled: [], leaves: 0, revoked: [], tokens: 0, ...change };
}

test("the life that is left", () => {
  expect(lifeLeft({ expires: inHours(12) }, now)).toMatchObject({ tone: "good", words: "12\u202fh left" });
  expect(lifeLeft({ expires: inHours(1), alarm: "critical" }, now).tone).toBe("bad");
  expect(lifeLeft({ expires: inHours(-1) }, now)).toMatchObject({ tone: "bad", words: "expired" });
  expect(lifeLeft({ expires: "0001-01-01T00:00:00Z" }, now).words).toBe("not reported");
  expect(lifeLeft({ expires: "" }, now).words).toBe("not reported");
});

describe("what is said loudly", () => {
  test("nothing, where nothing is wrong, nor of a root that is on its way out", () => {
    expect(alarms(authority({}), now)).toEqual([]);
    expect(alarms(authority({ roots: [root("active", 9000), root("retiring", 10, "critical")] }), now)).toEqual([]);
  });

  test("an authority that ends, workloads that will be without a certificate, tokens of an old root", () => {
    const a = authority({ roots: [root("active", 240, "warning")], tokens: 2, troubled: [holder("a"), holder("b", "critical", "connection refused")] });
    const said = alarms(a, now);
    expect(said.map((s) => s.tone)).toEqual(["bad", "warn", "warn"]);
    expect(said[0]!.text).toBe("b is about to be without a certificate: connection refused");
    expect(said[1]!.text).toContain("The active root ends in 10\u202fd");
    expect(said[2]!.text).toContain("2 join tokens name");
  });

  test("renewals that fail while there is time", () => {
    const five = ["a", "b", "c", "d", "e"].map((n) => holder(n, undefined, "no answer"));
    expect(alarms(authority({ troubled: five }), now)).toEqual([{ tone: "warn", text: "Renewals fail at a, b, c and 2 more: no answer" }]);
    expect(alarms(authority({ roots: [root("active", -1, "expired")] }), now)[0]).toEqual({ tone: "bad", text: "The active root has expired: rotate the CA." });
  });
});
