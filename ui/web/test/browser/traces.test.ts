import { expect, test } from "vitest";
import { useBrowser } from "./visit";

const open = useBrowser();

test("search needs no service, filters are in the URL, and older pages follow", async () => {
  const { page, clean, close } = await open();
  await page.goto("/traces");
  const rows = page.locator(".trace-row");
  await rows.nth(3).waitFor();
  const times = await rows.locator("time").evaluateAll((all) => all.map((t) => (t as HTMLTimeElement).dateTime));
  expect(times).toEqual([...times].sort((a, b) => Date.parse(b) - Date.parse(a)));

  const more = page.getByRole("button", { name: "Load older" });
  if (await more.isVisible()) {
    const before = await rows.count();
    await more.click();
    await page.waitForFunction((n) => document.querySelectorAll(".trace-row").length > n, before);
  }

  await page.getByLabel("Longer than").fill("1ms");
  await page.keyboard.press("Enter");
  await page.waitForURL((u) => u.searchParams.get("min") === "1ms");
  await rows.first().waitFor();
  await page.reload();
  expect(await page.getByLabel("Longer than").inputValue()).toBe("1ms");
  await clean();
  await close();
});

test("a search without a result says so and can be cleared", async () => {
  const { page, clean, close } = await open();
  await page.goto("/traces?min=9h");
  await page.getByText("No trace fits").waitFor();
  await page.getByRole("button", { name: "Clear filters" }).click();
  await page.locator(".trace-row").first().waitFor();
  await clean();
  await close();
});

test("a trace is a waterfall with hops folded, span details and a download", async () => {
  const { page, clean, close } = await open();
  await page.goto("/traces?min=1ms");
  const deep = page.locator(".trace-row").filter({ hasText: /([5-9]|\d\d) spans/ }).first();
  await deep.click();
  const rows = page.getByRole("treeitem");
  await rows.nth(1).waitFor();
  const folded = await rows.count();
  await page.getByRole("button", { name: "Both sides of hops" }).click();
  await page.waitForFunction((n) => document.querySelectorAll('[role="treeitem"]').length > n, folded);

  await rows.nth(1).click();
  const detail = page.locator(".span-detail");
  await detail.getByText("span id").first().waitFor();
  expect(new URL(page.url()).searchParams.get("span")).toMatch(/^[0-9a-f]{16}$/);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Escape");
  await detail.waitFor({ state: "detached" });

  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "JSON" }).click();
  expect((await download).suggestedFilename()).toMatch(/^trace-[0-9a-f]{32}\.json$/);
  await clean();
  await close();
});

test("why says who made the answer", async () => {
  const { page, clean, close } = await open();
  await page.goto("/traces?min=1ms");
  await page.locator(".trace-row").nth(2).click();
  await page.getByRole("button", { name: "Why", exact: true }).click();
  await page.locator(".why-summary").waitFor();
  expect(await page.locator(".why tbody tr").count()).toBeGreaterThan(0);
  await clean();
  await close();
});
