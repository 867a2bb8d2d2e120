import { useEffect, useMemo, useRef, type RefObject } from "react";
import type { Finding } from "../api/config";
import { byLine, worst } from "./remarks";

const HEIGHT = 19; // px of a line, as config.css has it
const PAD = 10; // px above the first

interface Props {
  value: string;
  onChange: (text: string) => void;
  findings: readonly Finding[];
  line: { at: number } | undefined; // to go to
  ref: RefObject<HTMLTextAreaElement | null>;
}

/** A text with numbered lines beside it, and marks where something is said of one. */
export function TextArea({ value, onChange, findings, line, ref }: Props) {
  const gutter = useRef<HTMLDivElement>(null);
  const numbers = useMemo(() => Array.from({ length: value.split("\n").length }, (_, i) => i + 1).join("\n"), [value]);
  const marks = useMemo(() => [...byLine(findings)], [findings]);
  useEffect(() => {
    const area = ref.current;
    if (!area || !line) return;
    const before = area.value.split("\n").slice(0, line.at - 1).join("\n").length;
    const from = line.at > 1 ? before + 1 : 0;
    const end = area.value.indexOf("\n", from);
    area.focus();
    area.setSelectionRange(from, end < 0 ? area.value.length : end);
    area.scrollTop = Math.max(0, (line.at - 6) * HEIGHT);
  }, [line, ref]);
  return (
    <div className="editor-text">
      <div className="editor-gutter" ref={gutter} aria-hidden="true">
        <pre>{numbers}</pre>
        {marks.map(([at, of]) => (
          <i key={at} data-mark={worst(of)} style={{ top: PAD + (at - 1) * HEIGHT }} title={of.map((f) => f.code).join(" ")} />
        ))}
      </div>
      <textarea
        ref={ref}
        aria-label="Manifest, YAML"
        spellCheck={false}
        autoComplete="off"
        autoCapitalize="off"
        wrap="off"
        placeholder={"apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata:\n  name: reviews\nspec:\n  …"}
        value={value}
        onChange={(e) => onChange(e.target.value)}
        onScroll={(e) => {
          if (gutter.current) gutter.current.scrollTop = e.currentTarget.scrollTop;
        }}
      />
    </div>
  );
}
