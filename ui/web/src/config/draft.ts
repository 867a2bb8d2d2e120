// The manifest that is being written. It outlives the page and a reload of the window,
// not the window.

const KEY = "sightline.draft";

export interface Draft {
  text: string;
  /** The stored resource that it began as, which nobody must have changed meanwhile. */
  from?: { id: string; version: number };
}

/** A draft as it was kept; anything else is none. */
export function read(kept: string | null): Draft {
  try {
    const d = JSON.parse(kept ?? "") as Draft;
    if (typeof d.text !== "string") return { text: "" };
    const from = d.from;
    return from && typeof from.id === "string" && typeof from.version === "number" ? { text: d.text, from } : { text: d.text };
  } catch {
    return { text: "" };
  }
}

export const draft = {
  get(): Draft {
    try {
      return read(sessionStorage.getItem(KEY));
    } catch {
      return { text: "" }; // the browser keeps nothing
    }
  },
  set(d: Draft): void {
    try {
      if (d.text) sessionStorage.setItem(KEY, JSON.stringify(d));
      else sessionStorage.removeItem(KEY);
    } catch {
      // It is too large to keep: it lives as long as the page.
    }
  },
};
