import { expect, test } from "vitest";
import { useBrowser } from "./visit";

const open = useBrowser();

test("logs are searched, paged and opened to their trace", async () => {
  const { page, clean, close } = await open();
  await page.goto("/logs");
  const rows = page.locator(".log-row");
  await rows.nth(3).waitFor();
  const times = await rows.locator("time").evaluateAll((all) => all.map((t) => Date.parse((t as HTMLTimeElement).dateTime)));
  expect(times.every((t, i) => i === 0 || t <= times[i - 1]! + 1000)).toBe(true);
  const more = page.getByRole("button", { name: "Load older" });
  if (await more.isVisible()) {
    const before = await rows.count();
    await more.click();
    await page.waitForFunction((n) => document.querySelectorAll(".log-row").length > n, before);
  }
  const service = (await rows.first().locator("b").textContent())!;
  const input = page.getByRole("combobox", { name: "Filter" });
  await input.fill(`service = ${service}`);
  await page.keyboard.press("Escape");
  await page.keyboard.press("Enter");
  await page.waitForURL((u) => u.searchParams.get("filter") === `service = ${service}`);
  await page.waitForFunction((s) => [...document.querySelectorAll(".log-row b")].every((b) => b.textContent === s), service);
  await rows.first().click();
  await page.locator(".log-detail").getByText("service", { exact: true }).waitFor();
  await page.getByRole("link", { name: "Open its trace" }).click();
  await page.waitForURL(/\/traces\/[0-9a-f]{32}/);
  await clean();
  await close();
});

test("a bar narrows the time, with the pointer and the keyboard", async () => {
  const { page, clean, close } = await open();
  await page.goto("/logs");
  const bars = page.getByRole("toolbar", { name: "Bars" }).getByRole("button");
  await bars.last().waitFor();
  await bars.last().click();
  await page.waitForURL((u) => u.searchParams.has("from") && u.searchParams.has("to"));
  const length = () => {
    const u = new URL(page.url());
    return Date.parse(u.searchParams.get("to")!) - Date.parse(u.searchParams.get("from")!);
  };
  const first = length();
  expect(first).toBeLessThanOrEqual(60_000);
  await bars.first().focus();
  await page.keyboard.press("End");
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("Enter");
  await page.waitForFunction((n) => {
    const u = new URL(location.href);
    return Date.parse(u.searchParams.get("to")!) - Date.parse(u.searchParams.get("from")!) < n;
  }, first);
  await page.getByLabel("Period").selectOption("5m");
  await page.locator(".log-row").first().waitFor();
  await clean();
  await close();
});

test("a mistake, no row, an answer that is not all and one that is an error are told", async () => {
  const { page, close } = await open();
  await page.goto("/logs?filter=severity");
  await page.getByRole("alert").filter({ hasText: "At character" }).waitFor();
  await page.goto("/logs?filter=service+%3D+nowhere");
  await page.getByText("No row fits").waitFor();
  await page.getByRole("button", { name: "Clear filters" }).click();
  await page.locator(".log-row").first().waitFor();

  await page.route("**/api/v1/logs/histogram?**", async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, json: { ...(await answer.json()), partial: "counted back to 2026-03-01T12:00:00Z only: too dear" } });
  });
  await page.goto("/logs");
  await page.getByRole("status").filter({ hasText: "The bars do not count all: counted back to" }).waitFor();

  await page.unrouteAll({ behavior: "wait" });
  await page.route("**/api/v1/logs?**", (route) =>
    route.fulfill({ status: 422, contentType: "application/problem+json", body: JSON.stringify({ status: 422, title: "Unprocessable", detail: "read logs: the question costs more than one may" }) }),
  );
  await page.goto("/logs");
  await page.getByRole("alert").filter({ hasText: "costs more than one may" }).first().waitFor();
  await close();
});
