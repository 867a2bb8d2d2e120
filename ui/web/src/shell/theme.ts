import { useSyncExternalStore } from "react";

export type Theme = "light" | "dark";

const KEY = "sightline.theme";
const system = matchMedia("(prefers-color-scheme: dark)");
const readers = new Set<() => void>();

function current(): Theme {
  const chosen = localStorage.getItem(KEY);
  if (chosen === "light" || chosen === "dark") return chosen;
  return system.matches ? "dark" : "light";
}

function show() {
  document.documentElement.dataset["theme"] = current();
  for (const read of readers) read();
}

/** Shows the theme of the person's choice, else the system's, from now on. */
export function startTheme(): void {
  show();
  system.addEventListener("change", show);
}

export function toggleTheme(): void {
  localStorage.setItem(KEY, current() === "dark" ? "light" : "dark");
  show();
}

export function useTheme(): Theme {
  return useSyncExternalStore((read) => {
    readers.add(read);
    return () => readers.delete(read);
  }, current);
}
