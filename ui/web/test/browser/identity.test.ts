import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { barriers, useBrowser } from "./visit";

const open = useBrowser();

const inHours = (h: number) => new Date(Date.now() + h * 3_600_000).toISOString();
const problem = (status: number, detail: string) => ({ status, contentType: "application/problem+json", body: JSON.stringify({ status, title: "No", detail }) });
const root = (role: string, hours: number, alarm?: string) => ({ subject: `CN=${role}`, fingerprint: role.padEnd(64, "0"), serial: "1", begins: inHours(-48), expires: inHours(hours), role, alarm });
const holder = (instance: string, more = {}) => ({ identity: `spiffe://mesh.local/ns/default/sa/${instance}`, instance, service: instance, since: inHours(-1), version: 2, signer: "b", root: root("active", 1).fingerprint, serial: "7c01", expires: inHours(12), ...more });
const authority = (more = {}) => ({ trustDomain: "mesh.local", phase: "steady", next: "make a new root and trust it beside the present one", version: 2, signing: root("signs", 9000), roots: [root("active", 9000)], own: true, supplied: false, holders: 2, lagging: [], outstanding: [], troubled: [], leaves: 2, revoked: [], tokens: 0, ...more });

/** A mesh with this authority and these holders; what is posted is kept. */
async function mesh(page: Page, a: object, holders: object[]): Promise<{ path: string; body: unknown }[]> {
  const posted: { path: string; body: unknown }[] = [];
  await page.route("**/api/v1/ca", (r) => r.fulfill({ json: a }));
  await page.route("**/api/v1/ca/holders", (r) => r.fulfill({ json: { holders } }));
  await page.route("**/api/v1/ca/re*", (r) => {
    posted.push({ path: new URL(r.request().url()).pathname, body: r.request().postDataJSON() });
    return r.fulfill({ json: { serial: "7c01", expires: inHours(24) } });
  });
  return posted;
}

test("who signs and who holds a certificate of it, as it is", async () => {
  const { page, clean, close } = await open();
  await page.goto("/identity");
  const signs = page.getByRole("region", { name: "Certificates of the authority" });
  await signs.getByText("root, active").first().waitFor();
  const workloads = page.getByRole("region", { name: "Certificates of workloads" });
  await workloads.getByText(/left$/).first().waitFor();
  const active = await signs.locator("tr", { hasText: "root, active" }).locator("code").getAttribute("title");
  expect(active).toMatch(/^[0-9a-f]{64}$/);
  await workloads.locator(`code[title="${active}"]`).first().waitFor();
  await clean();
  await close();
});

test("what ends soon is said loudly, and first", async () => {
  const { page, clean, close } = await open();
  const late = holder("shipping", { alarm: "critical", failures: 41, failure: "dial 10.0.0.7:15012: connection refused", expires: inHours(0.5) });
  await mesh(page, authority({ roots: [root("active", 200, "warning")], troubled: [late] }), [late, holder("cart")]);
  await page.goto("/identity");
  const alarms = page.getByRole("alert");
  await alarms.first().waitFor();
  expect(await alarms.allTextContents()).toEqual([
    "shipping is about to be without a certificate: dial 10.0.0.7:15012: connection refused",
    expect.stringMatching(/^The active root ends in 8.d: rotate the CA\.$/),
  ]);
  const first = page.getByRole("region", { name: "Certificates of workloads" }).locator("tbody tr").first();
  expect(await first.textContent()).toMatch(/shipping.*30.min left.*41 failed in a row/);
  expect(await barriers(page)).toEqual([]);
  await clean();
  await close();
});

test("a certificate is revoked after a word on what that means", async () => {
  const { page, clean, close } = await open();
  const posted = await mesh(page, authority(), [holder("cart")]);
  await page.goto("/identity");
  await page.getByRole("button", { name: "Revoke the certificate of cart" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Cancel" }).click();
  expect(posted).toEqual([]);
  await page.getByRole("button", { name: "Revoke the certificate of cart" }).click();
  await dialog.getByRole("textbox", { name: "Reason, for the timeline" }).fill("stolen");
  expect(await barriers(page)).toEqual([]);
  await dialog.getByRole("button", { name: "Revoke", exact: true }).click();
  await page.getByText("The certificate of cart is revoked.").waitFor();
  await page.getByRole("button", { name: "Revoke the certificate of cart" }).click();
  await dialog.getByRole("checkbox").check();
  await dialog.getByRole("button", { name: "Revoke", exact: true }).click();
  await page.getByText(/Every certificate of .* is revoked/).waitFor();
  expect(posted.map((p) => p.body)).toEqual([{ what: "7c01", reason: "stolen" }, { what: "spiffe://mesh.local/ns/default/sa/cart", reason: "" }]);
  await clean();
  await close();
});

test("join tokens are made, shown once, and revoked, as they are", async () => {
  const { page, clean, close } = await open();
  await page.goto("/identity");
  const tokens = page.getByRole("region", { name: "Join tokens and whom they let in" });
  await tokens.getByText("the mesh's own parts").waitFor();
  const before = await tokens.locator("tbody tr").count();
  await page.getByRole("button", { name: "New token…" }).click();
  const dialog = page.getByRole("dialog");
  const service = dialog.getByRole("textbox", { name: /^Only for service/ });
  await service.fill("No Name");
  await dialog.getByRole("alert").getByText("lower-case letters").waitFor();
  expect(await dialog.getByRole("button", { name: "Make it" }).isDisabled()).toBe(true);
  await service.fill("only-a-test-*");
  await dialog.getByRole("textbox", { name: "How many times" }).fill("3");
  expect(await barriers(page)).toEqual([]);
  await dialog.getByRole("button", { name: "Make it" }).click();
  const secret = (await dialog.getByRole("region", { name: "Join token" }).textContent()) ?? "";
  expect(secret).toMatch(/^slt_[0-9a-f]{12}_[0-9a-f]{40}_[0-9a-f]{64}$/);
  await page.mouse.click(4, 4); // beside it: what is not to be had again stays
  expect(await barriers(page)).toEqual([]);
  await dialog.getByRole("button", { name: "Done" }).click();
  const id = secret.split("_")[1]!;
  const made = tokens.locator("tr", { hasText: id });
  await made.waitFor();
  expect(await made.textContent()).toMatch(/good.*services like only-a-test-\*.*03.*in (1\Wh|60\Wmin)/);
  expect(await page.content()).not.toContain(secret.split("_")[2]);
  await page.getByRole("button", { name: `Revoke token ${id}` }).click();
  await dialog.getByText("This cannot be undone.").waitFor();
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("button", { name: `Revoke token ${id}` }).click();
  await dialog.getByRole("button", { name: "Revoke", exact: true }).click();
  await page.getByText(`Token ${id} is revoked.`).waitFor();
  await expect.poll(() => tokens.locator("tbody tr").count()).toBe(before);
  await clean();
  await close();
});

test("tokens that let nobody in are told from those that do; who may not see them asks for none", async () => {
  const { page, clean, close } = await open();
  const token = (id: string, more = {}) => ({ id, uses: 0, limited: false, used: 0, expires: inHours(2), state: "good", by: "ada", ...more });
  let asked = 0;
  await mesh(page, authority(), [holder("cart")]);
  await page.route("**/api/v1/tokens", (r) => {
    asked++;
    return r.fulfill({ json: { tokens: [token("aaa"), token("bbb", { state: "expired", expires: inHours(-3) }), token("ccc", { state: "used up", limited: true, used: 2 }), token("ddd", { oldRoot: true })] } });
  });
  await page.goto("/identity");
  const rows = page.getByRole("region", { name: "Join tokens and whom they let in" }).locator("tbody tr");
  await rows.first().waitFor();
  expect((await rows.allTextContents()).map((t) => t.replace(/\s/g, " "))).toEqual([
    expect.stringMatching(/aaagoodany service.*in 2.h/),
    expect.stringMatching(/bbbexpired.*3.h ago/),
    expect.stringMatching(/cccused up.*20/),
    expect.stringMatching(/dddgoodof a root that does not sign/),
  ]);
  await clean();
  await page.route("**/api/v1/session", (r) => r.fulfill({ json: { name: "eve", role: "operator" } }));
  asked = 0;
  await page.goto("/identity");
  await page.getByText("Seeing join tokens needs the role admin.").waitFor();
  expect(await page.getByRole("button", { name: "New token…" }).isDisabled()).toBe(true);
  expect(asked).toBe(0);
  await close();
});

test("a rotation goes on step by step, and who is not ready is named", async () => {
  const { page, close } = await open();
  await mesh(page, authority({ phase: "distribute", next: "sign with the new authority", roots: [root("active", 9000), root("incoming", 9000)] }), [holder("cart")]);
  await page.route("**/api/v1/ca/rotate", (r) => (r.request().postDataJSON().abandon ? r.fulfill({ json: authority() }) : r.fulfill(problem(409, "the rotation has to wait: cart does not trust the new root yet"))));
  await page.goto("/identity");
  await page.getByText("root, comes").waitFor();
  await page.getByText("2 roots are trusted side by side").waitFor();
  await page.getByRole("button", { name: "Next step…" }).click();
  await page.getByRole("dialog").getByText("This will sign with the new authority.").waitFor();
  await page.getByRole("button", { name: "Go on" }).click();
  await page.getByText("cart does not trust the new root yet").waitFor();
  await page.getByRole("button", { name: "Abandon…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Abandon", exact: true }).click();
  await page.getByRole("log").getByText("No rotation is under way.").waitFor();
  await close();
});

test("who may only look has nothing to press; nobody, an error and a wait are told", async () => {
  const { page, close } = await open();
  await page.route("**/api/v1/session", (r) => r.fulfill({ json: { name: "eve", role: "viewer" } }));
  await mesh(page, authority(), [holder("cart")]);
  await page.goto("/identity");
  await page.getByText("Rotating needs the role admin.").waitFor();
  expect(await page.getByRole("button", { name: "Rotate the root…" }).isDisabled()).toBe(true);
  expect(await page.getByRole("button", { name: "Revoke the certificate of cart" }).isDisabled()).toBe(true);
  await page.unroute("**/api/v1/ca/holders");
  await page.route("**/api/v1/ca/holders", (r) => r.fulfill({ json: { holders: [], silent: ["b"] } }));
  await page.goto("/identity");
  await page.getByText("Nobody holds a certificate yet").waitFor();
  await page.getByText("Not all: b did not answer.").waitFor();
  await page.unroute("**/api/v1/ca");
  let go = () => {};
  const gate = new Promise<void>((resolve) => (go = resolve));
  await page.route("**/api/v1/ca", async (r) => {
    await gate;
    return r.fulfill(problem(500, "look at the certificate authority: the store does not answer"));
  });
  await page.goto("/identity");
  await page.locator(".skeleton[data-late]").first().waitFor();
  go();
  await page.getByRole("alert").filter({ hasText: "the store does not answer" }).waitFor();
  await close();
});
