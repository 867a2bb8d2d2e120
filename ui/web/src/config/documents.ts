import { isMap, isScalar, parseAllDocuments, stringify, type Document as YAMLDocument } from "yaml";
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
 * The resources of a manifest, in any style of YAML, JSON too: for the preview alone, the
 * control plane reads the manifest for itself. "istio-system" is kept as written. What is
 * half written is read as far as it goes.
 */
export function documentsOf(manifest: string): Document[] {
  const out: Document[] = [];
  for (const { text, line } of sections(manifest)) {
    const d = parsed(text);
    const kind = textAt(d, "kind");
    const name = textAt(d, "metadata", "name");
    if (kind && name) out.push({ kind, namespace: textAt(d, "metadata", "namespace") || "default", name, line, text: text.trim() });
  }
  return out;
}

/** The documents of a manifest as they are written, with their first lines. */
function sections(manifest: string): { text: string; line: number }[] {
  const out = [{ lines: [] as string[], line: 1 }];
  manifest.split(/\r?\n/).forEach((l, i) => {
    if (/^---(\s|$)/.test(l)) out.push({ lines: [], line: i + 2 });
    else out.at(-1)!.lines.push(l);
  });
  return out.map((s) => ({ text: s.lines.join("\n"), line: s.line }));
}

function parsed(text: string): YAMLDocument | undefined {
  const all = parseAllDocuments(text, { logLevel: "silent", uniqueKeys: false });
  return Array.isArray(all) ? (all[0] as YAMLDocument | undefined) : undefined;
}

function textAt(d: YAMLDocument | undefined, ...path: string[]): string {
  let at: unknown = d?.contents;
  for (const key of path) at = isMap(at) ? at.get(key, true) : undefined;
  return isScalar(at) && (typeof at.value === "string" || typeof at.value === "number") ? String(at.value) : "";
}

/**
 * A manifest as a diff can show what differs in it: one that is a single flow, as JSON is,
 * in block style. Anything else is as it was written, with its comments.
 */
export function comparable(manifest: string): string {
  const d = parsed(manifest);
  if (!d || d.errors.length > 0 || !isMap(d.contents) || !d.contents.flow) return manifest.trim();
  try {
    return stringify(d.toJS()).trim();
  } catch {
    return manifest.trim(); // aliases without an anchor, or of too many
  }
}

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
