import { useEffect, useState, type ReactNode } from "react";
import { Problem } from "../api/fetch";
import { Button } from "./Button";
import { Icon, type IconName } from "./Icon";
import "./state.css";

interface Props {
  icon: IconName;
  title: string;
  children?: ReactNode;
  action?: ReactNode;
  tone?: "plain" | "bad";
}

/** What a place shows when it has nothing else to show. */
export function State({ icon, title, children, action, tone = "plain" }: Props) {
  return (
    <div className={`state state-${tone}`} role={tone === "bad" ? "alert" : "status"}>
      <span className="state-icon">
        <Icon name={icon} size={20} />
      </span>
      <h2>{title}</h2>
      {children && <p>{children}</p>}
      {action}
    </div>
  );
}

/** An error in words: what it means, and what can be done. */
export function ErrorState({ error, retry }: { error: unknown; retry?: () => void }) {
  const again = retry && (
    <Button icon="reset" onClick={retry}>
      Try again
    </Button>
  );
  const message = error instanceof Error ? error.message : String(error);
  const status = error instanceof Problem ? error.status : -1;
  if (status === 403) {
    return (
      <State icon="lock" title="Your role does not allow this">
        {message}
      </State>
    );
  }
  if (status === 404) {
    return (
      <State icon="search" title="Not here" action={again}>
        {message}
      </State>
    );
  }
  const title = status === 0 ? "Sightline does not answer" : status === 503 ? "This part is not ready" : "This did not work";
  return (
    <State icon="fail" title={title} action={again} tone="bad">
      {status === 0 ? "The program may have stopped, or be starting again. This page asks again by itself." : message}
    </State>
  );
}

/** Grey bars where something will be; not before 300 ms, so quick answers do not flicker. */
export function Skeleton({ rows = 6, label }: { rows?: number; label: string }) {
  const [late, setLate] = useState(false);
  useEffect(() => {
    const t = setTimeout(() => setLate(true), 300);
    return () => clearTimeout(t);
  }, []);
  return (
    <div className="skeleton" role="status" aria-label={label} data-late={late || undefined}>
      {Array.from({ length: rows }, (_, i) => (
        <span key={i} className="skeleton-bar" data-width={i % 3} />
      ))}
    </div>
  );
}
