import { expect, test } from "vitest";
import { useBrowser } from "./visit";

const open = useBrowser();

// A version of the demo shop that can be tripped without harm: its siblings take over.
const SERVICE = "reviews";
const VERSION = "v3";

test("a breaker is tripped by hand, shows on the map and in the timeline, is held and released", async () => {
  const { page, clean, close } = await open();
  await page.goto(`/?sel=node%3A${SERVICE}`);
  const panel = page.locator(".panel");
  const row = panel.locator("tr", { hasText: VERSION });
  await row.getByRole("button", { name: "Trip" }).click();
  const dialog = page.getByRole("dialog", { name: `Trip ${SERVICE}:${VERSION}?` });
  expect(await dialog.getByRole("button", { name: "Trip" }).isDisabled()).toBe(true);
  await dialog.getByLabel("Reason, for the timeline").fill("a browser test");
  await dialog.getByRole("button", { name: "Trip" }).click();
  await row.getByText("tripped").waitFor();
  await page.locator(`[data-node="${SERVICE}"] [data-breaker="tripped"]`).waitFor();

  await page.goto("/events");
  const card = page.locator(".verdict", { hasText: `${SERVICE}:${VERSION}` });
  await card.getByText("a browser test").waitFor();
  const hold = card.getByRole("button", { name: "Hold" });
  if (await hold.isVisible()) await hold.click(); // what was tripped by hand may be held from the start
  await card.getByText("held", { exact: true }).waitFor();
  await card.getByRole("button", { name: "Release" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Release" }).click();
  await card.waitFor({ state: "detached" });
  const run = page.locator(".event-loop", { hasText: `${SERVICE}:${VERSION}` }).first();
  await expect.poll(async () => (await run.locator(".event-kind").allTextContents()).join(" "), { timeout: 10_000 }).toMatch(/tripped.*released/);
  await clean({ live: true });
  await close();
}, 90_000);

test("kinds filter the timeline in the URL", async () => {
  const { page, clean, close } = await open();
  await page.goto("/events");
  await page.locator(".event").first().waitFor();
  await page.getByRole("button", { name: "instance", exact: true }).click();
  await page.waitForURL((u) => u.searchParams.get("kind") === "instance");
  await page.locator('.event[data-kind="instance"]').first().waitFor();
  await page.locator('.event:not([data-kind="instance"])').first().waitFor({ state: "detached" });
  await clean();
  await close();
});
