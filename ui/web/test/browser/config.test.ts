import { expect, test } from "vitest";
import { barriers, useBrowser } from "./visit";

const open = useBrowser();

const name = `browser-test-${Date.now().toString(36)}`;
const id = `SLO default/${name}`;
const good = `apiVersion: openslo/v1
kind: SLO
metadata: {name: ${name}, namespace: default}
spec:
  description: Nearly all requests are answered.
  service: gateway
  budgetingMethod: Occurrences
  timeWindow: [{duration: 30d, isRolling: true}]
  objectives: [{displayName: good, targetPercent: 99.5}]
  indicator:
    metadata: {name: answers}
    spec:
      ratioMetric:
        counter: true
        bad: {metricSource: {type: Prometheus, spec: {query: "sum(rate(istio_requests_total{response_code=~\\"5..\\"}[{{.window}}]))"}}}
        total: {metricSource: {type: Prometheus, spec: {query: "sum(rate(istio_requests_total[{{.window}}]))"}}}
`;
const bad = good.replace("spec:\n", "spec:\n  unknown: field\n");
const problem = (status: number, more: object) => ({ status, contentType: "application/problem+json", body: JSON.stringify({ status, title: "No", ...more }) });

test("a manifest is looked at before it is applied, applied, found in the history, and taken back", async () => {
  const { page, clean, close } = await open();
  await page.goto("/config?tab=edit");
  const text = page.getByRole("textbox", { name: "Manifest, YAML" });
  const apply = page.getByRole("button", { name: "Apply…" });
  await text.fill(bad);
  const error = page.locator('.finding[data-severity="error"]').first();
  await error.waitFor();
  expect(await apply.isDisabled()).toBe(true);
  await error.getByRole("button", { name: "line 5" }).click();
  expect(await text.evaluate((t: HTMLTextAreaElement) => t.value.slice(t.selectionStart, t.selectionEnd))).toBe("  unknown: field");
  await page.locator('.editor-gutter [data-mark="error"]').first().waitFor();

  await text.fill(good);
  await error.waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Last hour" }).click();
  await page.locator(".replay").waitFor({ timeout: 40_000 });
  expect(await barriers(page)).toEqual([]);
  await page.reload(); // the draft outlives it
  expect(await text.inputValue()).toBe(good);

  await expect.poll(() => apply.isEnabled(), { timeout: 15_000 }).toBe(true);
  await apply.click();
  const dialog = page.getByRole("dialog", { name: "Apply this manifest?" });
  await dialog.locator('[data-sign="+"]').first().waitFor();
  await dialog.getByRole("button", { name: "Apply", exact: true }).click();
  await page.getByText("The manifest is applied.").waitFor();
  const view = page.getByRole("region", { name: id, exact: true });
  await view.getByText("accepted").waitFor();
  expect(await view.locator(".manifest").textContent()).toContain(name);

  await page.getByRole("link", { name: "History" }).click();
  const change = page.locator(".history-entry", { hasText: name }).first();
  await change.getByRole("button", { expanded: false }).click();
  await change.locator('[data-sign="+"]').first().waitFor();
  expect(new URL(page.url()).searchParams.get("change")).toMatch(/^\d+$/);
  await change.getByRole("button", { name: "Restore to before it…" }).click();
  const restore = page.getByRole("dialog", { name: /^Restore to/ });
  await restore.locator('[data-sign="-"]').first().waitFor();
  await restore.getByRole("button", { name: "Restore", exact: true }).click();
  await page.getByText(/The configuration is back at/).waitFor();
  await page.goto(`/config?sel=${encodeURIComponent(id)}`);
  await page.getByText(/is not stored, or not any more|Nothing is configured/).first().waitFor();
  await clean();
  await close();
}, 120_000);

test("who may only look is told so, and has no button to press", async () => {
  const { page, clean, close } = await open();
  await page.route("**/api/v1/session", (r) => r.fulfill({ json: { name: "eve", role: "viewer" } }));
  await page.goto("/config?tab=edit");
  await page.getByRole("textbox", { name: "Manifest, YAML" }).fill(good);
  await page.getByText("Applying needs the role admin.").waitFor();
  expect(await page.getByRole("button", { name: "Apply…" }).isDisabled()).toBe(true);
  await clean();
  await close();
});

test("a manifest that is refused after all keeps its dialog, with the reasons", async () => {
  const { page, close } = await open();
  const findings = [{ code: "SL0104", severity: "error", resource: id, path: "spec.service", message: "somebody deleted the service meanwhile", line: 6 }];
  await page.route("**/api/v1/config", (r) => (r.request().method() === "POST" ? r.fulfill(problem(422, { detail: "nothing was applied", findings })) : r.continue()));
  await page.goto("/config?tab=edit");
  await page.getByRole("textbox", { name: "Manifest, YAML" }).fill(good);
  const apply = page.getByRole("button", { name: "Apply…" });
  await expect.poll(() => apply.isEnabled(), { timeout: 15_000 }).toBe(true);
  await apply.click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Apply", exact: true }).click();
  await dialog.getByText("Nothing was applied: 1 error.").waitFor();
  await dialog.getByText("somebody deleted the service meanwhile").waitFor();
  expect(await dialog.getByRole("button", { name: "Apply", exact: true }).isDisabled()).toBe(true);
  await close();
});

test("what somebody else changed meanwhile is not overwritten, and no text is lost", async () => {
  const { page, close } = await open();
  const mine = resource("SLO", "fast");
  const theirs = { ...mine, version: 8, by: "ada", manifest: `${mine.manifest.trimEnd()}\n# by ada\n` };
  let stored = [mine];
  await page.route("**/api/v1/config", (r) => (r.request().method() === "POST" ? r.continue() : r.fulfill({ json: { resources: stored } })));
  const asked: (string | null)[] = [];
  await page.route("**/api/v1/config?version=*", (r) => {
    const version = new URL(r.request().url()).searchParams.get("version");
    asked.push(version);
    stored = [theirs];
    return version === "7" ? r.fulfill(problem(409, { detail: "SLO default/fast was changed by ada" })) : r.fulfill({ json: { applied: true, findings: [] } });
  });
  await page.route("**/api/v1/config/analyze", (r) => r.fulfill({ json: { applied: false, findings: [] } }));
  await page.goto("/config?sel=SLO%20default%2Ffast");
  await page.getByRole("link", { name: "Edit…" }).click();
  const text = page.getByRole("textbox", { name: "Manifest, YAML" });
  expect(await text.inputValue()).toContain("name: fast");
  const written = `${await text.inputValue()}spec: {service: gateway}\n`;
  await text.fill(written);
  const apply = page.getByRole("button", { name: "Apply…" });
  const dialog = page.getByRole("dialog");
  const tryIt = async () => {
    await expect.poll(() => apply.isEnabled(), { timeout: 15_000 }).toBe(true);
    await apply.click();
    await dialog.getByRole("button", { name: "Apply", exact: true }).click();
  };
  await tryIt();
  await dialog.getByText(/ada changed fast at .*Your text is kept/).waitFor();
  expect(await dialog.getByRole("region", { name: "What the other change did" }).locator('[data-sign="+"]').allTextContents()).toEqual(["+# by ada"]);
  expect(await dialog.getByRole("region", { name: "What yours would do now" }).locator('[data-sign="-"]').allTextContents()).toEqual(["-# by ada"]);
  expect(await barriers(page)).toEqual([]);
  await page.keyboard.press("Escape"); // it is asked again
  expect(await text.inputValue()).toBe(written);
  await tryIt();
  await dialog.getByRole("button", { name: "Back to my text" }).click();
  expect(await text.inputValue()).toBe(written);
  await text.fill(`${written}# by ada\n`);
  await tryIt();
  await page.getByText("The manifest is applied.").waitFor();
  expect(asked).toEqual(["7", "7", "8"]);
  await close();
});

test("who was quicker can be overruled, knowing it; a text that gives way to another is kept", async () => {
  const { page, close } = await open();
  const gone = resource("SLO", "fast");
  let stored = [gone, resource("SLO", "slow")];
  const asked: string[] = [];
  await page.route("**/api/v1/config?version=7", (r) => {
    stored = stored.slice(1);
    return r.fulfill(problem(409, { detail: "it was deleted" }));
  });
  await page.route("**/api/v1/config", (r) => {
    if (r.request().method() !== "POST") return r.fulfill({ json: { resources: stored } });
    asked.push(r.request().postData() ?? "");
    return r.fulfill({ json: { applied: true, findings: [] } });
  });
  await page.route("**/api/v1/config/analyze", (r) => r.fulfill({ json: { applied: false, findings: [] } }));
  await page.goto("/config?sel=SLO%20default%2Ffast");
  await page.getByRole("link", { name: "Edit…" }).click();
  const text = page.getByRole("textbox", { name: "Manifest, YAML" });
  await text.fill(`${await text.inputValue()}# mine\n`);
  await page.goto("/config?sel=SLO%20default%2Fslow"); // another one is edited
  await page.getByRole("link", { name: "Edit…" }).click();
  expect(await text.inputValue()).toContain("name: slow");
  await page.getByRole("button", { name: "Bring back the former text" }).click();
  expect(await text.inputValue()).toContain("# mine");
  const apply = page.getByRole("button", { name: "Apply…" });
  await expect.poll(() => apply.isEnabled(), { timeout: 15_000 }).toBe(true);
  await apply.click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Apply", exact: true }).click();
  await dialog.getByText("Somebody deleted fast").waitFor();
  await dialog.getByRole("button", { name: "Put mine in its place" }).click();
  await page.getByText("The manifest is applied.").waitFor();
  expect(asked).toEqual([expect.stringContaining("# mine")]);
  await close();
});

test("a manifest in JSON shows what it changes of blocks", async () => {
  const { page, clean, close } = await open();
  await page.route("**/api/v1/config", (r) => r.fulfill({ json: { resources: [{ ...resource("SLO", "fast"), manifest: "kind: SLO\nmetadata:\n  name: fast\nspec:\n  objective: 0.99\n" }] } }));
  await page.route("**/api/v1/config/analyze", (r) => r.fulfill({ json: { applied: false, findings: [] } }));
  await page.goto("/config?tab=edit");
  await page.getByRole("textbox", { name: "Manifest, YAML" }).fill('{"kind": "SLO", "metadata": {"name": "fast"}, "spec": {"objective": 0.999}}');
  const shown = page.getByRole("region", { name: "Change of SLO default/fast" });
  await shown.waitFor();
  expect(await shown.locator("[data-sign='+'], [data-sign='-']").allTextContents()).toEqual(["-  objective: 0.99", "+  objective: 0.999"]);
  await clean();
  await close();
});

test("with nothing stored, with an error and on its way, the page says so", async () => {
  const { page, close } = await open();
  let answer: "nothing" | "error" | "late" = "nothing";
  let go = () => {};
  const gate = new Promise<void>((resolve) => (go = resolve));
  await page.route("**/api/v1/config", async (r) => {
    if (answer === "error") return r.fulfill(problem(500, { detail: "read configuration: the store does not answer" }));
    if (answer === "late") await gate;
    return r.fulfill({ json: { resources: [] } });
  });
  await page.route("**/api/v1/config/history?**", (r) => r.fulfill({ json: { changes: [] } }));
  await page.goto("/config");
  await page.getByText("Nothing is configured").waitFor();
  await page.goto("/config?tab=history");
  await page.getByText("Nothing was changed yet").waitFor();
  answer = "error";
  await page.goto("/config");
  await page.getByRole("alert").filter({ hasText: "the store does not answer" }).waitFor();
  answer = "late";
  await page.goto("/config");
  await page.locator(".skeleton[data-late]").waitFor();
  go();
  await page.getByText("Nothing is configured").waitFor();
  await close();
});

test("a resource, its search and its kind are in the address", async () => {
  const { page, clean, close } = await open();
  await page.route("**/api/v1/config", (r) =>
    r.fulfill({ json: { resources: [resource("SLO", "fast"), { ...resource("HTTPRoute", "cart"), status: { parents: [{ parentRef: { kind: "Service", namespace: "default", name: "cart" }, conditions: [{ type: "ResolvedRefs", status: "False", reason: "BackendNotFound", message: "" }] }] } }] } }),
  );
  await page.route("**/api/v1/config/analyze", (r) => {
    const finding = { code: "SL0104", severity: "warning", resource: "SLO default/fast", path: "spec", message: "want a service that is there" };
    return r.fulfill({ json: { applied: false, findings: [r.request().method() === "POST" ? { ...finding, line: 2 } : finding] } });
  });
  await page.goto("/config?find=fast");
  await page.locator(".config-name").waitFor();
  expect(await page.locator(".config-name").allTextContents()).toEqual(["fast default"]);
  await page.locator(".config-name").click();
  await page.locator('.manifest-line[data-mark="warning"][data-line="2"]').waitFor();
  expect(Object.fromEntries(new URL(page.url()).searchParams)).toEqual({ find: "fast", sel: "SLO default/fast" });
  await page.goto("/config?sel=HTTPRoute%20default%2Fcart");
  await page.getByRole("list", { name: "Conditions" }).getByText("ResolvedRefs: BackendNotFound").waitFor();
  await page.getByRole("link", { name: "Close" }).click();
  await page.locator(".config-view").waitFor({ state: "detached" });
  await clean();
  await close();
});

function resource(kind: string, name: string) {
  return { kind, namespace: "default", name, version: 7, changed: new Date().toISOString(), by: "ada", manifest: `kind: ${kind}\nmetadata: {name: ${name}}\n` };
}
