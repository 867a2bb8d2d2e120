import type { ChangedResource, Resource } from "../api/config";
import type { Draft } from "./draft";

/** A resource's name as findings have it: "VirtualService default/reviews". */
export const idOf = (r: { kind: string; namespace: string; name: string }): string => `${r.kind} ${r.namespace}/${r.name}`;

export interface Document {
  kind: string;
  namespace: string;
  name: string;
  line: number; // of its first line in the whole text, from 1
  text: string;
}

/**
 * The resources of a manifest, as far as block style shows them: for the preview alone,
 * the control plane reads the manifest for itself. "istio-system" is kept as written.
 */
export function documentsOf(manifest: string): Document[] {
  const out: Document[] = [];
  let lines: string[] = [];
  let first = 1;
  const end = () => {
    const d = documentOf(lines, first);
    if (d) out.push(d);
  };
  manifest.split(/\r?\n/).forEach((line, i) => {
    if (/^---(\s|$)/.test(line)) {
      end();
      [lines, first] = [[], i + 2];
    } else {
      lines.push(line);
    }
  });
  end();
  return out;
}

function documentOf(lines: readonly string[], first: number): Document | undefined {
  let [kind, name, namespace, inside, indent] = ["", "", "default", false, -1];
  for (const line of lines) {
    if (/^\s*(#|$)/.test(line)) continue;
    const [, space = "", key = "", rest = ""] = /^(\s*)([\w.-]+):\s*(.*)$/.exec(line) ?? [];
    if (space === "" && key !== "") {
      inside = key === "metadata";
      indent = -1;
      if (key === "kind") kind = valueOf(rest);
      if (inside && rest.startsWith("{")) {
        name = valueOf(/\bname:\s*([^,}]+)/.exec(rest)?.[1] ?? "");
        namespace = valueOf(/\bnamespace:\s*([^,}]+)/.exec(rest)?.[1] ?? "default");
      }
    } else if (inside && key !== "") {
      if (indent < 0) indent = space.length;
      if (space.length !== indent) continue; // of labels or annotations
      if (key === "name") name = valueOf(rest);
      if (key === "namespace") namespace = valueOf(rest);
    }
  }
  if (kind === "" || name === "") return undefined;
  return { kind, namespace, name, line: first, text: lines.join("\n").trim() };
}

/** A scalar without quotes and without a comment behind it. */
const valueOf = (text: string): string => text.replace(/\s+#.*$/, "").trim().replace(/^(["'])(.*)\1$/, "$2");

/** The version that a manifest must find: of what it began as, while it is that one resource alone. */
export function versionOf(manifest: string, from: Draft["from"]): number | undefined {
  const all = documentsOf(manifest);
  return from && all.length === 1 && idOf(all[0]!) === from.id ? from.version : undefined;
}

/** What applying a manifest changes of what is stored; what is the same is left out. */
export function changesOf(manifest: string, stored: readonly Resource[]): ChangedResource[] {
  const before = new Map(stored.map((r) => [idOf(r), r.manifest.trim()]));
  return documentsOf(manifest)
    .map((d): ChangedResource => {
      const was = before.get(idOf(d));
      return { kind: d.kind, namespace: d.namespace, name: d.name, how: was === undefined ? "made" : "changed", before: was ?? "", after: d.text };
    })
    .filter((c) => c.before !== c.after);
}
