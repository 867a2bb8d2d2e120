import { useEffect } from "react";

/** Where "g" followed by a letter leads. */
export const PLACES = {
  m: { path: "/", name: "Map" },
  t: { path: "/traces", name: "Traces" },
  l: { path: "/logs", name: "Logs" },
  w: { path: "/traffic", name: "Traffic" },
  e: { path: "/events", name: "Events" },
  c: { path: "/config", name: "Configuration" },
  s: { path: "/slos", name: "SLOs & alerts" },
  p: { path: "/proxies", name: "Proxies" },
  d: { path: "/identity", name: "Identity" },
  i: { path: "/pipeline", name: "Pipeline" },
} as const;

interface Actions {
  go: (path: string) => void;
  help: () => void;
}

/** Whether keys go into a text, and so are no shortcuts. */
export function isTyping(target: EventTarget | null): boolean {
  if (typeof HTMLElement === "undefined" || !(target instanceof HTMLElement)) return false;
  return target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName);
}

/** Keys that work on every page: g and a letter, / and ?. */
export function useShortcuts({ go, help }: Actions): void {
  useEffect(() => {
    let after = 0; // until when a letter follows a "g"
    const onKey = (e: KeyboardEvent) => {
      if (e.ctrlKey || e.metaKey || e.altKey || isTyping(e.target) || document.querySelector("dialog[open]")) return;
      const place = PLACES[e.key as keyof typeof PLACES];
      if (e.timeStamp < after && place) {
        go(place.path);
        e.preventDefault();
      } else if (e.key === "/") {
        const box = document.querySelector<HTMLInputElement>("[data-search]");
        box?.focus();
        if (box) e.preventDefault();
      } else if (e.key === "?") {
        help();
      }
      after = e.key === "g" ? e.timeStamp + 1200 : 0;
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [go, help]);
}
