import type { Finding } from "./config";

/** An error answer (RFC 9457), or the lack of any answer (status 0). */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    detail: string,
    readonly errors: { field: string; message: string; at?: number }[] = [], // at: byte of a filter, from 1
    readonly findings: Finding[] = [], // why a manifest was refused
  ) {
    super(detail || title);
    this.name = "Problem";
  }
}

interface Options {
  method?: "GET" | "POST" | "PUT" | "DELETE";
  body?: unknown;
  yaml?: string; // a manifest as the body
  signal?: AbortSignal;
  query?: Record<string, string | number | undefined>;
}

/**
 * The one way to ask the API. Every answer that is not one is a Problem; a session
 * that has ended leads to the sign-in page and back.
 */
export async function api<T>(path: string, o: Options = {}): Promise<T> {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(o.query ?? {})) {
    if (value !== undefined && value !== "") query.set(name, String(value));
  }
  const url = `/api/v1/${path}${query.size > 0 ? `?${query}` : ""}`;
  let answer: Response;
  try {
    answer = await fetch(url, {
      method: o.method ?? "GET",
      signal: o.signal ?? null,
      ...content(o),
    });
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    throw new Problem(0, "No answer", "Sightline does not answer. Is it still running?");
  }
  if (!answer.ok) throw await problemOf(answer);
  if (answer.status === 204) return undefined as T;
  return (await answer.json()) as T;
}

function content(o: Options): RequestInit {
  if (o.yaml !== undefined) return { headers: { "Content-Type": "application/yaml" }, body: o.yaml };
  if (o.body !== undefined) return { headers: { "Content-Type": "application/json" }, body: JSON.stringify(o.body) };
  return { headers: {}, body: null };
}

async function problemOf(answer: Response): Promise<Problem> {
  let p: Partial<Problem> & { detail?: string } = {};
  try {
    p = (await answer.json()) as typeof p;
  } catch {
    // Not a problem document: the status has to say it all.
  }
  if (answer.status === 401 && location.pathname !== "/signin") {
    location.assign(`/signin?next=${encodeURIComponent(location.pathname + location.search)}`);
  }
  return new Problem(answer.status, p.title ?? answer.statusText, p.detail ?? "", p.errors, p.findings);
}
