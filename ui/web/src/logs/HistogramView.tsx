import { useRef, useState, type KeyboardEvent } from "react";
import type { LogHistogram } from "../api/log";
import { compact, time } from "../format";
import { barsOf, totalsOf, type Bar } from "./bars";

interface Props {
  histogram: LogHistogram;
  onPeriod: (start: number, end: number) => void;
  onSeverity: (severity: string) => void;
}

/** Rows by time and severity. A bar narrows the time to itself; dragging over several, to them. */
export function HistogramView({ histogram, onPeriod, onSeverity }: Props) {
  const bars = barsOf(histogram);
  const most = Math.max(1, ...bars.map((b) => b.total));
  const [focus, setFocus] = useState(0); // the one bar that Tab stops at
  const [from, setFrom] = useState<number>();
  const [over, setOver] = useState<number>();
  const list = useRef<HTMLDivElement>(null);
  const at = Math.min(focus, bars.length - 1);
  const selected = (i: number) => from !== undefined && over !== undefined && i >= Math.min(from, over) && i <= Math.max(from, over);

  const narrow = (a: number, b: number) => {
    const [first, last] = [bars[Math.min(a, b)], bars[Math.max(a, b)]];
    if (first && last) onPeriod(first.start, last.end);
  };
  const onKey = (e: KeyboardEvent) => {
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: bars.length - 1 }[e.key];
    if (to === undefined) return;
    const next = Math.max(0, Math.min(bars.length - 1, to));
    setFocus(next);
    list.current?.querySelectorAll("button")[next]?.focus();
    e.preventDefault();
  };
  const shown = over !== undefined ? bars[over] : undefined;

  return (
    <figure className="log-histogram" aria-label={`${compact(histogram.total)} rows by time and severity`}>
      <figcaption>
        <span className="muted">{shown ? told(shown) : `${compact(histogram.total)} rows`}</span>
        <span className="chips" role="group" aria-label="Severity">
          {totalsOf(histogram).map((t) => (
            <button key={t.severity} type="button" className="chip" onClick={() => onSeverity(t.severity)} title={`Only ${t.severity}`} disabled={t.severity === "UNSET"}>
              <i className="log-mark" data-severity={t.severity} /> {t.severity.toLowerCase()} {compact(t.count)}
            </button>
          ))}
        </span>
      </figcaption>
      <div
        ref={list}
        className="log-bars"
        role="toolbar"
        aria-label="Bars"
        onKeyDown={onKey}
        onPointerLeave={() => (setOver(undefined), setFrom(undefined))}
        onPointerUp={() => {
          if (from !== undefined && over !== undefined && from !== over) narrow(from, over);
          setFrom(undefined);
        }}
      >
        {bars.map((b, i) => (
          <button
            key={b.start}
            type="button"
            tabIndex={i === at ? 0 : -1}
            className="log-bar"
            data-selected={selected(i) || undefined}
            aria-label={told(b)}
            onFocus={() => setFocus(i)}
            onPointerDown={() => setFrom(i)}
            onPointerEnter={() => setOver(i)}
            onClick={() => narrow(i, i)}
          >
            {[...b.parts].reverse().map((p) => (
              <i key={p.severity} data-severity={p.severity} style={{ height: `max(1px, ${(p.count / most) * 100}%)` }} />
            ))}
          </button>
        ))}
      </div>
      <div className="log-times" aria-hidden="true">
        <span>{time(histogram.start)}</span>
        <span>{time(histogram.end)}</span>
      </div>
    </figure>
  );
}

function told(b: Bar): string {
  const parts = b.parts.map((p) => `${compact(p.count)} ${p.severity.toLowerCase()}`).join(", ");
  return `${time(new Date(b.start).toISOString())} – ${time(new Date(b.end).toISOString())}: ${parts || "none"}`;
}
