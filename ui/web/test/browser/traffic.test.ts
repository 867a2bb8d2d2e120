import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { useBrowser } from "./visit";

const open = useBrowser();

// The demo shop's service with three versions, and how far from what was asked the
// actual share may be.
const SERVICE = "reviews";
const TOLERANCE = 12; // percent points, over a window of a few seconds

// Without weights nothing is requested: a dash.
const percent = (text: string | null) => Number(/([\d.]+)/.exec(text ?? "")?.[1] ?? -1);

async function sharesOf(page: Page, bar: "requested" | "actual"): Promise<Record<string, number>> {
  const out: Record<string, number> = {};
  for (const v of await page.locator(".version").all()) {
    const text = await v.locator(`.version-shares [data-bar="${bar}"]`).textContent();
    out[(await v.getAttribute("data-version")) ?? ""] = percent(text);
  }
  return out;
}

/** Waits until the mesh does what was asked. */
async function settled(page: Page, want: Record<string, number>) {
  await expect.poll(async () => {
    const now = await sharesOf(page, "actual");
    return Object.entries(want).every(([v, w]) => Math.abs((now[v] ?? 0) - w) <= TOLERANCE);
  }, { timeout: 40_000, interval: 500 }).toBe(true);
}

async function apply(page: Page) {
  await page.getByRole("button", { name: "Apply…" }).click();
  const dialog = page.getByRole("dialog", { name: `Shift traffic of ${SERVICE}?` });
  await dialog.locator('[data-sign="+"]').first().waitFor();
  await dialog.getByRole("button", { name: "Shift traffic" }).click();
  await dialog.waitFor({ state: "detached" });
}

test("a shift is previewed, confirmed, seen in the traffic, and undone", async () => {
  const { page, clean, close } = await open();
  await page.goto("/traffic");
  await page.getByRole("link", { name: new RegExp(`^${SERVICE}`) }).click();
  await page.locator('.version[data-version="v2"]').waitFor();
  const before = await sharesOf(page, "requested");

  const target = before["v2"] === 50 ? 25 : 50;
  await page.getByRole("button", { name: `v2 ${target} %`, exact: true }).click();
  expect((await sharesOf(page, "requested"))["v2"]).toBe(target);
  await page.getByRole("button", { name: "Reset" }).click();
  expect(await sharesOf(page, "requested")).toEqual(before);

  await page.getByRole("button", { name: `v2 ${target} %`, exact: true }).click();
  await apply(page);
  await page.getByText(new RegExp(`${SERVICE} is split`)).waitFor();
  const after = await sharesOf(page, "requested");
  expect(after["v2"]).toBe(target);
  await settled(page, after);

  await page.getByRole("button", { name: "Undo", exact: true }).first().click();
  await page.getByText(/Taken back to/).waitFor();
  expect(await sharesOf(page, "requested")).toEqual(before);
  if ((before["v2"] ?? -1) >= 0) await settled(page, before); // else the balancer chooses again
  await clean();
  await close();
}, 120_000);

test("the slider works from the keyboard and keeps the sum at 100", async () => {
  const { page, clean, close } = await open();
  await page.goto(`/traffic/${SERVICE}`);
  const thumb = page.getByRole("slider", { name: "Share of v1 in percent" });
  await thumb.focus();
  await page.keyboard.press("Home");
  for (let i = 0; i < 3; i++) await page.keyboard.press("ArrowRight");
  const shares = await sharesOf(page, "requested");
  expect(shares["v1"]).toBe(3);
  expect(Object.values(shares).reduce((a, b) => a + b, 0)).toBe(100);
  await clean();
  await close();
});

test("the shift is in the timeline with who did it", async () => {
  const { page, clean, close } = await open();
  await page.goto(`/events?kind=traffic&service=${SERVICE}`);
  const event = page.locator('.event[data-kind="traffic"]').first();
  await event.waitFor();
  expect(await event.textContent()).toMatch(/by \w+/);
  await clean();
  await close();
});
