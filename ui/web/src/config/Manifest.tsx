import { useEffect, useMemo, useRef } from "react";
import type { Finding } from "../api/config";
import { byLine, looks, worst } from "./remarks";

const MOST = 5000; // lines that are shown one by one

/** A manifest to read, with its lines numbered and those marked that something is said of. */
export function Manifest({ text, findings, line }: { text: string; findings: readonly Finding[]; line?: number }) {
  const lines = useMemo(() => text.trimEnd().split("\n"), [text]);
  const marks = useMemo(() => byLine(findings), [findings]);
  const box = useRef<HTMLPreElement>(null);
  useEffect(() => {
    if (line) box.current?.querySelector(`[data-line="${line}"]`)?.scrollIntoView({ block: "center" });
  }, [line]);
  return (
    <pre className="manifest" ref={box} tabIndex={0} role="region" aria-label="Manifest">
      {lines.slice(0, MOST).map((l, i) => {
        const at = marks.get(i + 1);
        const mark = at && worst(at);
        return (
          <span key={i} className="manifest-line" data-line={i + 1} data-mark={mark} data-on={line === i + 1 || undefined} title={at?.map((f) => `${f.code}: ${f.message}`).join("\n")}>
            <i aria-hidden="true">{i + 1}</i>
            {l || " "}
            {at && <em className={`badge badge-${looks[mark!].tone}`}>{at.map((f) => f.code).join(" ")}</em>}
          </span>
        );
      })}
      {lines.length > MOST && <span className="manifest-line faint">… {lines.length - MOST} more lines</span>}
    </pre>
  );
}
