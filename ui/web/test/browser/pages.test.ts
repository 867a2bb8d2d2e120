import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { barriers, SIZES, useBrowser } from "./visit";

const open = useBrowser();
const shots = process.env["SIGHTLINE_SHOTS"];

const pages: [name: string, path: string, sign: string][] = [
  ["map", "/", ".node"],
  ["map-service", "/?sel=node%3Agateway", ".panel canvas"],
  ["traces", "/traces", ".trace-row"],
  ["traces-compared", "/traces?cmp=slow", ".delta, .state"],
  ["logs", "/logs", ".log-row"],
  ["traffic", "/traffic", ".traffic-entry"],
  ["traffic-service", "/traffic/reviews", ".version"],
  ["events", "/events", ".event"],
  ["config", "/config", ".table, .state"],
  ["config-history", "/config?tab=history", ".history-entry, .state"],
  ["config-edit", "/config?tab=edit", "textarea"],
  ["slos", "/slos", ".table, .state"],
  ["proxies", "/proxies", ".table"],
  ["identity", "/identity", ".table"],
  ["pipeline", "/pipeline", ".table"],
];

describe.each(["light", "dark"] as const)("in %s", (theme) => {
  describe.each(Object.keys(SIZES) as (keyof typeof SIZES)[])("%s", (size) => {
    test.each(pages)("%s", async (name, path, sign) => {
      const { page, clean, close } = await open({ theme, size });
      await page.goto(path);
      await page.locator(sign).first().waitFor();
      await page.waitForTimeout(1200); // what comes with the next second must not move anything
      expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
      if (shots) {
        mkdirSync(shots, { recursive: true });
        await page.screenshot({ path: join(shots, `${name}-${size}-${theme}.png`) });
      }
      expect(await barriers(page)).toEqual([]);
      await clean();
      await close();
    });
  });
});

describe("when it goes wrong", () => {
  test("an answer that is an error is told with its words, and asked for again", async () => {
    const { page, close } = await open();
    let broken = true;
    await page.route("**/api/v1/traces?**", (route) =>
      broken ? route.fulfill({ status: 500, contentType: "application/problem+json", body: JSON.stringify({ status: 500, title: "Internal Server Error", detail: "search traces: the store does not answer" }) }) : route.continue(),
    );
    await page.goto("/traces");
    await page.getByRole("alert").filter({ hasText: "the store does not answer" }).waitFor();
    broken = false;
    await page.getByRole("button", { name: "Try again" }).click();
    await page.locator(".trace-row").first().waitFor();
    await close();
  });

  test("an address that is none is a page that says so", async () => {
    const { page, clean, close } = await open();
    await page.goto("/nowhere");
    await page.getByText("There is no such page").waitFor();
    await clean();
    await close();
  });

  test("a trace that is not there", async () => {
    const { page, close } = await open();
    await page.goto("/traces/00000000000000000000000000000000");
    await page.getByText("Not here").waitFor();
    await close();
  });
});
