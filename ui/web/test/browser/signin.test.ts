import { expect, inject, test } from "vitest";
import { useBrowser } from "./visit";

const open = useBrowser();

test("the link signed in and left no secret in the address", () => {
  expect(inject("signedInBy")).not.toContain("token");
  expect(new URL(inject("signedInBy")).pathname).toBe("/");
});

test("without a session every page leads to sign-in and back", async () => {
  const { page, close } = await open({ signedOut: true });
  await page.goto("/traces?status=error");
  await page.waitForURL((u) => u.pathname === "/signin");
  expect(new URL(page.url()).searchParams.get("next")).toBe("/traces?status=error");
  await page.getByRole("heading", { name: "Sign in to Sightline" }).waitFor();
  await close();
});

test("a used or made-up link is refused in words", async () => {
  const { page, close } = await open({ signedOut: true });
  await page.goto("/signin#token=made-up");
  await page.getByRole("alert").filter({ hasText: /not valid or was used|too many/ }).waitFor();
  expect(page.url()).not.toContain("made-up");
  await close();
});
