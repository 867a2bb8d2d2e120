import type { DiffLine } from "./diff";
import "./diff.css";

/** A text with what is added and removed marked by sign and colour. */
export function DiffView({ lines }: { lines: readonly DiffLine[] }) {
  if (lines.length === 0) return <p className="diff-none muted">No manifest: the default routing is in force.</p>;
  return (
    <pre className="diff" tabIndex={0} role="region" aria-label="Manifest">
      {lines.map((l, i) => (
        <span key={i} className="diff-line" data-sign={l.sign}>
          <i aria-label={l.sign === "+" ? "added" : l.sign === "-" ? "removed" : undefined}>{l.sign}</i>
          {l.text}
        </span>
      ))}
    </pre>
  );
}
