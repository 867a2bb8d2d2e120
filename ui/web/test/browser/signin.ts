import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { launch } from "./browser";

declare module "vitest" {
  export interface ProvidedContext {
    url: string; // of the Sightline under test
    state: string; // path of the signed-in browser's cookies
    signedInBy: string; // what the sign-in page showed and led to
  }
}

/**
 * Signs one browser in with the link, which works once, and hands its cookies to every
 * test file. Without a Sightline to look at there is nothing to test, and that is said.
 */
export default async function setup(project: TestProject) {
  const link = process.env["SIGHTLINE_SIGNIN"];
  if (!link) throw new Error("SIGHTLINE_SIGNIN is not set: give it the sign-in link of a running Sightline");
  const url = process.env["SIGHTLINE_URL"] ?? new URL(link).origin;
  const dir = mkdtempSync(join(tmpdir(), "sightline-browser-"));
  const browser = await launch();
  try {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(link);
    await page.waitForURL((u) => u.pathname === "/", { timeout: 20_000 });
    await context.storageState({ path: join(dir, "state.json") });
    project.provide("signedInBy", page.url());
  } finally {
    await browser.close();
  }
  project.provide("url", url);
  project.provide("state", join(dir, "state.json"));
  return () => rmSync(dir, { recursive: true, force: true });
}
