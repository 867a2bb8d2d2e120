import { expect, test } from "vitest";
import { useBrowser } from "./visit";

const open = useBrowser();

// Only with a fault to see: whoever runs this injects errors into one version while it
// waits, names it here ("payments:v2"), and ends the fault once the breaker has tripped.
const fault = process.env["SIGHTLINE_FAULT"];

test.skipIf(!fault)("the timeline of a fault: anomaly, tripped, probing, released, with evidence", async () => {
  const { page, clean, close } = await open();
  await page.goto("/events");
  const run = page.locator(".event-loop", { hasText: fault! }).first();
  const steps = async () => (await run.locator(".event-kind").allTextContents()).join(" ");
  await expect.poll(steps, { timeout: 90_000, interval: 500 }).toMatch(/anomaly.*tripped/);
  await expect.poll(steps, { timeout: 120_000, interval: 500 }).toMatch(/anomaly.*tripped.*probing.*released/);
  const trace = run.locator(".trace-links a").first();
  await trace.click();
  await page.getByRole("treeitem").first().waitFor();
  await clean({ live: true });
  await close();
}, 240_000);
