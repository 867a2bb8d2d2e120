// The manifest that is being written. It outlives the page and a reload of the window,
// not the window.

const KEY = "sightline.draft";
const FORMER = "sightline.draft.former";

export interface Draft {
  text: string;
  /** The stored resource that it began as, which nobody must have changed meanwhile, and its manifest then. */
  from?: { id: string; version: number; manifest?: string };
}

/** A draft as it was kept; anything else is none. */
export function read(kept: string | null): Draft {
  try {
    const d = JSON.parse(kept ?? "") as Draft;
    if (typeof d.text !== "string") return { text: "" };
    const from = d.from;
    if (!from || typeof from.id !== "string" || typeof from.version !== "number") return { text: d.text };
    const { id, version, manifest } = from;
    return { text: d.text, from: typeof manifest === "string" ? { id, version, manifest } : { id, version } };
  } catch {
    return { text: "" };
  }
}

function load(key: string): Draft {
  try {
    return read(sessionStorage.getItem(key));
  } catch {
    return { text: "" }; // the browser keeps nothing
  }
}

function keep(key: string, d: Draft): void {
  try {
    if (d.text) sessionStorage.setItem(key, JSON.stringify(d));
    else sessionStorage.removeItem(key);
  } catch {
    // It is too large to keep: it lives as long as the page.
  }
}

export const draft = {
  get: (): Draft => load(KEY),
  set: (d: Draft): void => keep(KEY, d),
  /** Begins another one. What was being written is put aside, if anything was. */
  begin(d: Draft): void {
    const now = load(KEY);
    if (worked(now) && now.text !== d.text) keep(FORMER, now);
    keep(KEY, d);
  },
  /** What was put aside, until it is taken. */
  former: (): Draft => load(FORMER),
  /** Changes the present one for what was put aside. */
  swap(): Draft {
    const [now, former] = [load(KEY), load(FORMER)];
    keep(KEY, former);
    keep(FORMER, worked(now) ? now : { text: "" });
    return former;
  },
};

/** Whether a person has written any of it. */
function worked(d: Draft): boolean {
  return d.text.trim() !== "" && d.text.trim() !== d.from?.manifest?.trim();
}
