import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import type { Proxies, Proxy } from "../../src/api/proxy";
import { barriers, useBrowser } from "./visit";

const open = useBrowser();

const ago = (s: number) => new Date(Date.now() - s * 1000).toISOString();

/** Sidecars as the API tells of them, one of a hundred behind and one of five hundred away. */
function sidecars(n: number): Proxies {
  const proxies = Array.from({ length: n }, (_, i): Proxy => {
    const service = `service-${i % 40}`;
    const behind = i % 100 === 7;
    return {
      instance: {
        id: `${service}-v${1 + (i % 3)}-${i}`, service, version: `v${1 + (i % 3)}`, address: `10.1.${i >> 8}.${i & 255}:15006`,
        identity: `spiffe://mesh.local/ns/default/sa/${service}`, labels: { app: service }, state: "ready", appPort: 8080,
        ports: i % 4 === 0 ? [{ number: 8080, name: "http", protocol: "http" }, { number: 9090, name: "grpc", protocol: "grpc" }] : null,
      },
      connected: i % 500 !== 3, since: ago(3600), build: "dev", subscribed: Array.from({ length: 6 }, (_, k) => `service-${(i + k) % 40}`),
      pushed: 90, accepted: behind ? 88 : 90, inSync: !behind, refusal: behind ? `compile route service-${i % 40}: no such subset` : undefined,
      certExpires: new Date(Date.now() + (1000 + i) * 60_000).toISOString(), propagationMs: 2 + (i % 90), controlPlane: "a",
    };
  });
  return { proxies, controlPlanes: [], changes: [{ version: 90, committed: ago(5), services: ["service-1"], changed: 1, sidecars: n, applied: n, refused: 0, left: 0, p50Ms: 3, lastMs: 40 }] };
}

/** A mesh of that many, and how its page shows them. */
async function mesh(page: Page, n: number) {
  const all = sidecars(n);
  await page.route("**/api/v1/proxies", (r) => r.fulfill({ json: all }));
  const rows = page.getByRole("region", { name: "Sidecars" }).locator("tbody tr");
  return { all, rows };
}

for (const n of [100, 2_000]) {
  test(`${n} sidecars: the worst first, a page at a time, found by any word`, async () => {
    const { page, clean, close } = await open();
    const { rows } = await mesh(page, n);
    await page.goto("/proxies");
    await rows.first().waitFor();
    expect(await rows.count()).toBe(50);
    expect(await rows.first().textContent()).toContain("no such subset");
    await page.getByText(`1–50 of ${n}`).waitFor();
    await page.getByRole("button", { name: "Next" }).click();
    await page.getByText(`51–100 of ${n}`).waitFor();
    expect(new URL(page.url()).search).toBe("?page=2");
    const search = page.getByRole("textbox", { name: "Find sidecars" });
    const started = Date.now();
    await search.fill("service-7 v2");
    await expect.poll(() => rows.first().textContent()).toContain("service-7-v2");
    expect(Date.now() - started).toBeLessThan(5_000); // of a busy machine: it is a matter of milliseconds
    expect((await rows.allTextContents()).every((t) => t.includes("service-7"))).toBe(true);
    await search.fill("");
    await page.getByRole("button", { name: /^With trouble/ }).click();
    await expect.poll(() => rows.count()).toBe(Math.min(50, n / 100 + Math.ceil(n / 500)));
    await page.getByRole("button", { name: /^All/ }).click();
    await page.getByRole("button", { name: "Certificate" }).click();
    await expect.poll(() => rows.first().textContent()).toContain("service-0-v1-0");
    expect(await page.getByRole("columnheader", { name: "Certificate" }).getAttribute("aria-sort")).toBe("ascending");
    await page.reload();
    await expect.poll(() => rows.first().textContent()).toContain("service-0-v1-0");
    expect(await barriers(page)).toEqual([]);
    await clean(); // before a search, by which all that is below moves
    await search.fill("nobody at all");
    await page.getByText("No sidecar fits").waitFor();
    await close();
  });
}

test("on a phone, in the dark, thousands of sidecars are a page as well", async () => {
  const { page, clean, close } = await open({ size: "phone", theme: "dark" });
  const { rows } = await mesh(page, 2_000);
  await page.goto("/proxies?page=40");
  await page.getByText("1951–2000 of 2000").waitFor();
  expect(await rows.count()).toBe(50);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  expect(await barriers(page)).toEqual([]);
  await clean();
  await close();
});
