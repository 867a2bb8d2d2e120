import axe from "axe-core";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, expect, inject } from "vitest";
import { launch } from "./browser";

export const SIZES = { wide: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } } as const;

export interface Visit {
  page: Page;
  /**
   * Fails when the page logged an error, a request failed, or the layout shifted. A
   * timeline that events are added to live does shift.
   */
  clean: (o?: { live?: boolean }) => Promise<void>;
  close: () => Promise<void>;
}

interface Options {
  size?: keyof typeof SIZES;
  theme?: "light" | "dark";
  still?: boolean; // the reader prefers no motion
  signedOut?: boolean;
}

declare global {
  interface Window {
    shifted: number; // layout shift so far
  }
}

/** One browser for a test file, closed at its end. */
export function useBrowser(): (o?: Options) => Promise<Visit> {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch();
  });
  afterAll(async () => {
    await browser.close();
  });
  return (o = {}) => visit(browser, o);
}

async function visit(browser: Browser, o: Options): Promise<Visit> {
  const context: BrowserContext = await browser.newContext({
    baseURL: inject("url"),
    viewport: SIZES[o.size ?? "wide"],
    colorScheme: o.theme ?? "light",
    reducedMotion: o.still ? "reduce" : "no-preference",
    storageState: o.signedOut ? undefined : inject("state"),
    hasTouch: o.size === "phone",
  });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const faults: string[] = [];
  page.on("console", (m) => {
    if (m.type() === "error" || m.type() === "warning") faults.push(`${m.type()}: ${m.text()}`);
  });
  page.on("pageerror", (e) => faults.push(`exception: ${e.message}`));
  page.on("response", (r) => {
    if (r.status() >= 400) faults.push(`${r.status()} ${r.url()}`);
  });
  await page.addInitScript(() => {
    window.shifted = 0;
    new PerformanceObserver((list) => {
      for (const e of list.getEntries() as (PerformanceEntry & { value: number; hadRecentInput: boolean })[]) {
        if (!e.hadRecentInput) window.shifted += e.value;
      }
    }).observe({ type: "layout-shift", buffered: true });
  });
  return {
    page,
    clean: async ({ live } = {}) => {
      expect(faults).toEqual([]);
      if (!live) expect(await page.evaluate(() => window.shifted)).toBeLessThanOrEqual(0.05);
    },
    close: () => context.close(),
  };
}

/** What of WCAG A and AA a page breaks, as far as a program can tell. */
export async function barriers(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  return page.evaluate(async () => {
    const run = (window as unknown as { axe: typeof axe }).axe.run;
    const found = await run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] });
    return found.violations.flatMap((v) => v.nodes.slice(0, 3).map((n) => `${v.id}: ${n.target.join(" ")} ${n.any[0]?.message ?? n.none[0]?.message ?? v.help}`));
  });
}
