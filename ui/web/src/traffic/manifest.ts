import type { Traffic, Weights } from "../api/traffic";

/** The manifest as it will be, for the preview. The control plane writes the real one. */
export function preview(t: Traffic, weights: Weights): string {
  if (!t.manifest.trim()) return fresh(t.service, weights);
  const lines = t.manifest.trimEnd().split("\n");
  const found = weightLines(lines);
  for (const [version, weight] of Object.entries(weights)) {
    const at = found.get(version);
    // A version that the route does not name yet makes it a new route.
    if (at === undefined) {
      if (weight > 0) return fresh(t.service, weights);
      continue;
    }
    lines[at] = lines[at]!.replace(/weight:\s*\d+/, `weight: ${weight}`);
  }
  return lines.join("\n");
}

/** The line of each subset's weight; a later route's outranks an earlier one's, as the default stands last. */
function weightLines(lines: readonly string[]): Map<string, number> {
  const out = new Map<string, number>();
  let subset = "";
  let weightBefore = -1;
  lines.forEach((line, i) => {
    const item = /^\s*-\s/.test(line);
    if (item) [subset, weightBefore] = ["", -1];
    const s = /subset:\s*"?([^\s"]+)/.exec(line)?.[1];
    if (s) subset = s;
    if (/weight:\s*\d+/.test(line)) weightBefore = i;
    if (subset && weightBefore >= 0) out.set(subset, weightBefore);
  });
  return out;
}

function fresh(service: string, weights: Weights): string {
  const [name = service, namespace = "default"] = service.split(".");
  const routes = Object.entries(weights).map(
    ([version, weight]) => `    - destination:\n        host: ${name}\n        subset: ${version}\n      weight: ${weight}`,
  );
  return ["apiVersion: networking.istio.io/v1", "kind: VirtualService", "metadata:", `  name: ${name}`, `  namespace: ${namespace}`, "spec:", "  hosts:", `  - ${name}`, "  http:", "  - route:", ...routes].join("\n");
}
