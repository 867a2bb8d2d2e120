import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef } from "react";
import { ms } from "../format";
import { isTyping } from "../shell/shortcuts";
import { Icon } from "../ui/Icon";
import { exactMs, hueOf, serviceOf, ticks, type Picture, type Row } from "./waterfall";

const ROW = 28;

interface Props {
  drawn: Picture;
  closed: ReadonlySet<string>;
  selected: string | undefined;
  onSelect: (spanID: string | undefined) => void;
  onToggle: (spanID: string) => void;
}

/** The rows of a trace. Only those in sight exist, so that a huge trace opens at once. */
export function Waterfall({ drawn, closed, selected, onSelect, onToggle }: Props) {
  const scroll = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({ count: drawn.rows.length, getScrollElement: () => scroll.current, estimateSize: () => ROW, overscan: 12 });

  useEffect(() => {
    const onKey = (e: KeyboardEvent) => {
      if (isTyping(e.target) || !["ArrowDown", "ArrowUp", "ArrowLeft", "ArrowRight", "Escape"].includes(e.key)) return;
      if (e.key === "Escape") return onSelect(undefined);
      const at = drawn.rows.findIndex((r) => r.span.spanId === selected);
      const row = drawn.rows[at];
      e.preventDefault();
      if (row && (e.key === "ArrowLeft" || e.key === "ArrowRight")) {
        if (row.children > 0 && closed.has(row.span.spanId) === (e.key === "ArrowRight")) onToggle(row.span.spanId);
        return;
      }
      const to = Math.max(0, Math.min(drawn.rows.length - 1, at + (e.key === "ArrowDown" ? 1 : -1)));
      onSelect(drawn.rows[to]?.span.spanId);
      rows.scrollToIndex(to);
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [drawn, closed, selected, onSelect, onToggle, rows]);

  const scale = ticks(drawn.total, 5);
  return (
    <div className="waterfall" ref={scroll} tabIndex={0} role="region" aria-label="Spans">
      <div className="waterfall-scale" aria-hidden="true">
        <span />
        <span className="waterfall-ticks">
          {scale.map((t) => (
            <i key={t} style={{ left: `${(t / drawn.total) * 100}%` }}>
              {ms(t)}
            </i>
          ))}
        </span>
      </div>
      <div role="tree" aria-label="Spans" className="waterfall-rows" style={{ height: rows.getTotalSize() }}>
        {rows.getVirtualItems().map((v) => {
          const row = drawn.rows[v.index]!;
          return (
            <SpanRow
              key={row.span.spanId}
              row={row}
              total={drawn.total}
              top={v.start}
              scale={scale}
              closed={closed.has(row.span.spanId)}
              selected={row.span.spanId === selected}
              onSelect={onSelect}
              onToggle={onToggle}
            />
          );
        })}
      </div>
    </div>
  );
}

interface RowProps {
  row: Row;
  total: number;
  top: number;
  scale: readonly number[];
  closed: boolean;
  selected: boolean;
  onSelect: Props["onSelect"];
  onToggle: Props["onToggle"];
}

function SpanRow({ row, total, top, scale, closed, selected, onSelect, onToggle }: RowProps) {
  const { span, inner } = row;
  const percent = (v: number) => `${(v / total) * 100}%`;
  const service = serviceOf(row);
  const attempts = Number(span.attributes?.["sightline.attempts"] ?? 1);
  return (
    <div
      role="treeitem"
      aria-level={row.depth + 1}
      aria-selected={selected}
      aria-expanded={row.children > 0 ? !closed : undefined}
      aria-label={`${service} ${span.name}, ${ms(row.duration)}${row.error ? ", failed" : ""}`}
      className="span-row"
      data-selected={selected || undefined}
      style={{ transform: `translateY(${top}px)` }}
      onClick={() => onSelect(selected ? undefined : span.spanId)}
    >
      <span className="span-name" style={{ paddingLeft: 10 + Math.min(row.depth, 14) * 14 }}>
        {row.children > 0 ? (
          <button
            type="button"
            className="span-toggle"
            data-open={!closed || undefined}
            tabIndex={-1}
            aria-label={closed ? "Show children" : "Hide children"}
            onClick={(e) => {
              e.stopPropagation();
              onToggle(span.spanId);
            }}
          >
            <Icon name="chevron" size={12} />
          </button>
        ) : (
          <i className="span-toggle" />
        )}
        <i className="span-hue" data-hue={hueOf(service)} />
        <b>{service}</b>
        <span className="clip">{span.name}</span>
        {row.error && (
          <span className="span-error">
            <Icon name="fail" size={13} />
          </span>
        )}
        {attempts > 1 && <span className="badge badge-warn">{attempts} tries</span>}
      </span>
      <span className="span-time">
        {scale.map((t) => (
          <i key={t} className="span-grid" style={{ left: percent(t) }} />
        ))}
        <span className="span-bar" data-hue={hueOf(service)} data-outer={inner ? true : undefined} data-error={row.error || undefined} style={{ left: percent(row.start), width: percent(row.duration) }}>
          {inner && <InnerBar outer={row} start={exactMs(inner.start) - exactMs(span.start)} duration={inner.durationNs / 1e6} hue={hueOf(service)} />}
        </span>
        <span className="span-duration" style={{ left: `calc(${percent(row.start + row.duration)} + 6px)` }}>
          {ms(row.duration)}
        </span>
      </span>
    </div>
  );
}

/** The callee's part of a hop within the caller's: what is left and right of it is the way. */
function InnerBar({ outer, start, duration, hue }: { outer: Row; start: number; duration: number; hue: number }) {
  const percent = (v: number) => `${Math.max(0, Math.min(100, (v / (outer.duration || 1)) * 100))}%`;
  return <i className="span-inner" data-hue={hue} data-error={outer.error || undefined} style={{ left: percent(start), width: percent(duration) }} />;
}
