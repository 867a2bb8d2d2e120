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

test("a filter is asked for on Enter, a mistake is shown at its place, and mended", async () => {
  const { page, close } = await open();
  await page.goto("/traces");
  await page.locator(".trace-row").first().waitFor();
  const input = page.getByRole("combobox", { name: "Filter" });
  await input.fill("duration > 1us AND nonsense");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Enter");
  const mistake = page.getByRole("alert").filter({ hasText: "At character" });
  await mistake.waitFor();
  expect(await mistake.locator("code").textContent()).toContain("nonsense");
  expect(await input.getAttribute("aria-invalid")).toBe("true");
  await page.getByText("The filter is not understood").waitFor();
  await input.fill("duration > 1us");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Enter");
  await mistake.waitFor({ state: "detached" });
  await page.waitForURL((u) => u.searchParams.get("filter") === "duration > 1us");
  await page.locator(".trace-row").first().waitFor();
  await page.reload();
  expect(await input.inputValue()).toBe("duration > 1us");
  await close();
});

test("a filter is completed with the keyboard alone", async () => {
  const { page, clean, close } = await open();
  await page.goto("/traces");
  const row = page.locator(".trace-row").first();
  const service = (await row.locator(".trace-name b").textContent())!;
  const input = page.getByRole("combobox", { name: "Filter" });
  await input.focus();
  await page.keyboard.type("servic");
  await page.getByRole("option", { name: /^service( |$)/ }).first().waitFor();
  await page.keyboard.press("ArrowDown");
  expect(await input.getAttribute("aria-activedescendant")).toBeTruthy();
  await page.keyboard.press("Enter");
  expect(await input.inputValue()).toBe("service ");
  await page.keyboard.type(`= ${service.slice(0, 3)}`);
  await page.getByRole("option").filter({ hasText: service }).first().waitFor();
  for (let i = 0; i < 12 && !(await page.getByRole("option", { selected: true }).allTextContents()).some((t) => t.startsWith(service)); i++) await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  expect(await input.inputValue()).toBe(`service = ${service} `);
  await page.keyboard.press("Escape");
  await page.keyboard.press("Enter");
  await page.waitForURL((u) => u.searchParams.get("filter") === `service = ${service}`);
  await row.waitFor();
  await clean();
  await close();
});

test("a rectangle on the heatmap is compared with the rest, and the search narrowed to it", async () => {
  const { page, clean, close } = await open();
  await page.goto("/traces?range=15m");
  const canvas = page.locator(".heatmap canvas");
  await canvas.waitFor();
  await page.locator(".trace-row").first().waitFor();
  const box = (await canvas.boundingBox())!;
  await page.mouse.move(box.x + 70, box.y + 4);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width - 20, box.y + box.height / 2, { steps: 5 });
  await page.mouse.up();
  await page.waitForURL((u) => u.searchParams.get("cmp") === "box" && u.searchParams.has("box"));
  const panel = page.getByRole("region", { name: "What is different" });
  await panel.getByText("What is different about the selection?").waitFor();
  await panel.locator(".delta, .state").first().waitFor();
  await page.reload();
  await panel.locator(".delta, .state").first().waitFor();
  await page.getByRole("button", { name: "Narrow the search" }).click();
  await page.waitForURL((u) => /duration > .+ AND duration <= /.test(u.searchParams.get("filter") ?? "") && u.searchParams.has("from") && !u.searchParams.has("box"));
  await page.locator(".trace-row, .state").first().waitFor();
  expect(await page.getByLabel("Period").inputValue()).toBe("fixed");
  await clean();
  await close();
});

test("keys choose cells of the heatmap, which lead to their traces", async () => {
  const { page, clean, close } = await open();
  await page.goto("/traces?range=15m");
  await page.locator(".heatmap canvas").waitFor();
  await page.locator(".heatmap-keys").focus();
  await page.keyboard.press("ArrowLeft"); // to the newest cell that has spans
  await page.locator(".heatmap-tip").filter({ hasText: /^[1-9]/ }).waitFor();
  await page.keyboard.press("Shift+ArrowLeft");
  await page.keyboard.press("Enter");
  await page.waitForURL((u) => u.searchParams.has("box"));
  const examples = page.getByRole("region", { name: "Traces of the selection" });
  const first = examples.locator(".trace-row").first();
  await first.waitFor();
  expect(await examples.locator(".trace-row").count()).toBeLessThanOrEqual(5);
  await page.keyboard.press("Escape");
  await page.waitForURL((u) => !u.searchParams.has("box"));
  await clean();
  await close();
});

test("a finger finds a cell of the heatmap", async () => {
  const { page, clean, close } = await open({ size: "phone" });
  await page.goto("/traces?range=15m");
  const canvas = page.locator(".heatmap canvas");
  await canvas.waitFor();
  await canvas.scrollIntoViewIfNeeded();
  const box = (await canvas.boundingBox())!;
  await page.touchscreen.tap(box.x + box.width - 40, box.y + box.height / 2);
  await page.waitForURL((u) => u.searchParams.has("box"));
  await page.getByRole("region", { name: "Traces of the selection" }).locator(".trace-row, p").first().waitFor();
  await clean();
  await close();
});

test("while a long heatmap is counted its newest part is shown", async () => {
  const { page, clean, close } = await open();
  let go = () => {};
  const held = new Promise<void>((f) => (go = f));
  await page.route("**/api/v1/traces/heatmap?**", async (route) => {
    if (!new URL(route.request().url()).searchParams.has("since")) await held;
    await route.continue();
  });
  await page.goto("/traces?range=15m");
  const counting = page.getByRole("status").filter({ hasText: "Counting; shown is what began after" });
  await counting.waitFor();
  await page.locator(".heatmap canvas").waitFor();
  go();
  await counting.waitFor({ state: "detached" });
  await clean();
  await close();
});

test("the slow are compared over all spans, and a value that differs becomes part of the filter", async () => {
  const { page, clean, close } = await open();
  await page.goto("/traces");
  await page.getByRole("group", { name: "Spans" }).getByRole("button", { name: "all spans" }).click();
  await page.waitForURL((u) => u.searchParams.get("spans") === "all");
  const slow = page.getByRole("group", { name: "What is different about" }).getByRole("button", { name: /slower than/ });
  await slow.click();
  await page.waitForURL((u) => u.searchParams.get("cmp") === "slow");
  const only = page.getByRole("region", { name: "What is different" }).getByRole("button", { name: /^Only / }).first();
  const filter = (await only.getAttribute("aria-label"))!.slice("Only ".length);
  await only.click();
  await page.waitForURL((u) => u.searchParams.get("filter") === filter && !u.searchParams.has("cmp"));
  expect(await page.getByRole("combobox", { name: "Filter" }).inputValue()).toBe(filter);
  await page.locator(".trace-row").first().waitFor();
  await clean();
  await close();
});

test("an answer that is not all is told to be so", async () => {
  const { page, clean, close } = await open();
  const why = "searched back to 2026-03-01T12:00:00Z only: the question costs more than one may; ask for a shorter time or more precisely";
  for (const path of ["traces?**", "traces/heatmap?**"]) {
    await page.route(`**/api/v1/${path}`, async (route) => {
      const answer = await route.fetch();
      await route.fulfill({ response: answer, json: { ...(await answer.json()), next: undefined, partial: why } });
    });
  }
  await page.goto("/traces");
  await page.getByRole("status").filter({ hasText: "The heatmap does not show all: searched back to" }).waitFor();
  await page.getByRole("status").filter({ hasText: "There may be more traces: searched back to" }).waitFor();
  expect(await page.getByText("That is all of this period.").count()).toBe(0);
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
