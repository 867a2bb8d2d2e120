import { expect, test } from "vitest";
import { useBrowser } from "./visit";

const open = useBrowser();

test("the map shows services with their traffic and keeps their places", async () => {
  const { page, clean, close } = await open();
  await page.goto("/");
  const cards = page.locator(".node");
  await cards.nth(2).waitFor();
  const gateway = page.locator('[data-node="gateway"]');
  expect(await gateway.textContent()).toMatch(/gateway(healthy|degraded|failing)[\d.]+k?\/s/);
  expect(await page.locator(".edge-label").count()).toBeGreaterThanOrEqual(2);
  expect(await page.locator(".edge-label", { has: page.locator(".icon") }).count()).toBeGreaterThan(0);

  const before = await gateway.evaluate((e) => (e as HTMLElement).style.transform);
  await page.reload();
  await gateway.waitFor();
  expect(await gateway.evaluate((e) => (e as HTMLElement).style.transform)).toBe(before);
  await clean();
  await close();
});

test("a service opens a panel with charts; Esc closes it; the URL says both", async () => {
  const { page, clean, close } = await open();
  await page.goto("/");
  await page.locator('[data-node="gateway"]').click();
  const panel = page.getByRole("complementary", { name: "gateway" });
  await panel.getByText("p99", { exact: true }).first().waitFor();
  expect(new URL(page.url()).searchParams.get("sel")).toBe("node:gateway");
  await panel.locator("canvas").nth(1).waitFor();
  await panel.getByRole("link", { name: "Failed traces" }).waitFor();
  await page.keyboard.press("Escape");
  await panel.waitFor({ state: "detached" });
  expect(new URL(page.url()).searchParams.get("sel")).toBeNull();
  await clean();
  await close();
});

test("an edge can be opened from the keyboard and survives a reload", async () => {
  const { page, clean, close } = await open();
  await page.goto("/");
  const label = page.locator(".edge-label").first();
  await label.waitFor();
  const id = await label.getAttribute("data-edge");
  await label.focus();
  await page.keyboard.press("Enter");
  await page.locator(".panel").waitFor();
  await page.reload();
  await page.locator(".panel").waitFor();
  expect(new URL(page.url()).searchParams.get("sel")).toBe(`edge:${id}`);
  await clean();
  await close();
});

test("find dims the rest and says what is wrong with a query", async () => {
  const { page, clean, close } = await open();
  await page.goto("/");
  await page.locator('[data-node="gateway"]').waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("service=gateway");
  await page.locator('.node[data-dim="true"]').first().waitFor();
  expect(await page.locator('[data-node="gateway"]').getAttribute("data-dim")).toBeNull();
  await page.getByLabel("Find on the map").fill("errors>many");
  await page.getByRole("alert").filter({ hasText: "no number" }).waitFor();
  await clean();
  await close();
});

test("those who prefer no motion get no moving dots", async () => {
  const { page, clean, close } = await open({ still: true });
  await page.goto("/");
  await page.locator('[data-node="gateway"]').waitFor();
  const painted = await page.locator(".graph-dots").evaluate((c) => {
    const canvas = c as HTMLCanvasElement;
    return canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height).data.some((v) => v !== 0);
  });
  expect(painted).toBe(false);
  await clean();
  await close();
});

test("keys lead to pages and to help", async () => {
  const { page, clean, close } = await open();
  await page.goto("/");
  await page.locator('[data-node="gateway"]').waitFor();
  for (const [key, path] of [["t", "/traces"], ["e", "/events"], ["m", "/"]] as const) {
    await page.keyboard.press("g");
    await page.keyboard.press(key);
    await page.waitForURL((u) => u.pathname === path);
  }
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await clean();
  await close();
});
