import { useSyncExternalStore } from "react";
import { Button } from "./Button";
import { Icon } from "./Icon";
import "./dialog.css";

interface Toast {
  id: number;
  text: string;
  tone: "good" | "bad";
  action?: { label: string; run: () => void };
}

const LIFE = 6000; // ms; one with an action stays twice as long

let toasts: readonly Toast[] = [];
let last = 0;
const readers = new Set<() => void>();

function set(next: readonly Toast[]) {
  toasts = next;
  for (const read of readers) read();
}

function dismiss(id: number) {
  set(toasts.filter((t) => t.id !== id));
}

/** Says what was done, or what went wrong, and offers to take it back. */
export function toast(text: string, tone: Toast["tone"] = "good", action?: Toast["action"]): void {
  const id = ++last;
  set([...toasts.slice(-2), { id, text, tone, action }]);
  setTimeout(() => dismiss(id), action ? 2 * LIFE : LIFE);
}

export function Toasts() {
  const all = useSyncExternalStore(
    (read) => {
      readers.add(read);
      return () => readers.delete(read);
    },
    () => toasts,
  );
  return (
    <div className="toasts" role="log" aria-live="polite" aria-label="Messages">
      {all.map((t) => (
        <div key={t.id} className={`toast toast-${t.tone}`}>
          <Icon name={t.tone === "bad" ? "fail" : "check"} />
          <p>{t.text}</p>
          {t.action && (
            <Button
              small
              onClick={() => {
                t.action?.run();
                dismiss(t.id);
              }}
            >
              {t.action.label}
            </Button>
          )}
          <Button look="quiet" small icon="close" aria-label="Dismiss" onClick={() => dismiss(t.id)} />
        </div>
      ))}
    </div>
  );
}
