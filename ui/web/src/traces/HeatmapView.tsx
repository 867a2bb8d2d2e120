import { useEffect, useRef, useState, type PointerEvent } from "react";
import type { Heatmap } from "../api/search";
import { compact, ns, time } from "../format";
import { useTheme } from "../shell/theme";
import { scalesOf, type Area, type Box } from "./heat";

const HEIGHT = 190;

interface Props {
  heatmap: Heatmap;
  of: string; // "root spans"
  box: Box | undefined;
  onSelect: (b: Box) => void;
}

/** How many spans took how long, and when. A rectangle drawn on it selects the spans in it. */
export function HeatmapView({ heatmap, of, box, onSelect }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(0);
  const [drag, setDrag] = useState<Area>();
  const [over, setOver] = useState<{ x: number; y: number }>();
  const theme = useTheme();
  const scales = scalesOf(heatmap, { w: width, h: HEIGHT });
  const shown = drag ?? (box && scales.area(box));

  useEffect(() => {
    const frame = canvas.current?.parentElement;
    if (!frame) return;
    const watch = new ResizeObserver(() => setWidth(frame.clientWidth));
    watch.observe(frame);
    return () => watch.disconnect();
  }, []);

  useEffect(() => {
    const c = canvas.current;
    const pen = c?.getContext("2d");
    if (!c || !pen || width === 0) return;
    c.width = width * devicePixelRatio;
    c.height = HEIGHT * devicePixelRatio;
    pen.scale(devicePixelRatio, devicePixelRatio);
    paint(pen, heatmap, scales, width);
    if (shown) frame(pen, shown);
  }, [heatmap, width, theme, shown?.x, shown?.y, shown?.w, shown?.h]);

  const at = (e: PointerEvent) => {
    const r = e.currentTarget.getBoundingClientRect();
    return { x: e.clientX - r.left, y: e.clientY - r.top };
  };
  const start = useRef<{ x: number; y: number }>(undefined);
  const move = (e: PointerEvent) => {
    const p = at(e);
    setOver(p);
    if (start.current) setDrag(between(start.current, p));
  };
  const end = (e: PointerEvent) => {
    if (start.current) onSelect(scales.box(between(start.current, at(e))));
    start.current = undefined;
    setDrag(undefined);
  };
  const under = over && !drag ? cellAt(heatmap, scales, over) : undefined;

  return (
    <figure className="heatmap" aria-label={`${compact(heatmap.spans)} ${of} by time and duration, ${compact(heatmap.errors)} with errors`}>
      <canvas
        ref={canvas}
        role="img"
        aria-hidden="true"
        onPointerDown={(e) => {
          if (e.button !== 0) return;
          e.currentTarget.setPointerCapture(e.pointerId);
          start.current = at(e);
        }}
        onPointerMove={move}
        onPointerUp={end}
        onPointerCancel={() => ((start.current = undefined), setDrag(undefined))}
        onPointerLeave={() => setOver(undefined)}
      />
      {under && over && (
        <figcaption className="heatmap-tip" style={{ left: Math.min(over.x + 12, width - 220), top: Math.min(over.y + 12, HEIGHT - 60) }}>
          <b>{compact(under.spans)}</b> {of}
          {under.errors > 0 && <span className="heatmap-bad"> · {compact(under.errors)} failed</span>}
          <br />
          {time(new Date(under.box.from).toISOString())} · {ns(under.box.low)} – {ns(under.box.high)}
        </figcaption>
      )}
    </figure>
  );
}

type Scales = ReturnType<typeof scalesOf>;

function between(a: { x: number; y: number }, b: { x: number; y: number }): Area {
  return { x: Math.min(a.x, b.x), y: Math.min(a.y, b.y), w: Math.abs(a.x - b.x), h: Math.abs(a.y - b.y) };
}

function cellAt(h: Heatmap, s: Scales, p: { x: number; y: number }) {
  const found = h.cells.find((c) => {
    const a = s.cell(c.column, c.bucket);
    return p.x >= a.x && p.x < a.x + a.w && p.y >= a.y && p.y < a.y + a.h;
  });
  return found && { ...found, box: s.box({ ...p, w: 0, h: 0 }) };
}

/** The deeper, the more spans, on a scale of roots, so that single ones are seen; failed ones are a bar in their cell. */
function paint(pen: CanvasRenderingContext2D, h: Heatmap, s: Scales, width: number) {
  const style = getComputedStyle(document.documentElement);
  const color = (name: string) => style.getPropertyValue(name).trim();
  pen.clearRect(0, 0, width, HEIGHT);
  pen.font = "10.5px Inter, system-ui, sans-serif";
  for (const line of s.lines) {
    pen.fillStyle = color("--grid");
    pen.fillRect(58, Math.round(line.y), width - 58, 1);
    pen.fillStyle = color("--faint");
    pen.textAlign = "right";
    pen.fillText(ns(line.ns), 50, line.y + 3.5);
  }
  pen.textAlign = "center";
  pen.fillStyle = color("--faint");
  const [from, to] = [Date.parse(h.start), Date.parse(h.end)];
  for (const share of [0.1, 0.5, 0.9]) {
    const t = from + (to - from) * share;
    pen.fillText(time(new Date(t).toISOString()), s.x((t - from) / h.stepMs), HEIGHT - 4);
  }
  const most = Math.max(1, ...h.cells.map((c) => c.spans));
  for (const c of h.cells) {
    const a = s.cell(c.column, c.bucket);
    const gap = a.w > 4 ? 1 : 0;
    pen.globalAlpha = 0.2 + 0.8 * Math.sqrt(c.spans / most);
    pen.fillStyle = color("--chart-1");
    pen.fillRect(a.x, a.y, a.w - gap, a.h - gap);
    if (c.errors === 0) continue;
    pen.globalAlpha = 1;
    pen.fillStyle = color("--bad-mark");
    const share = Math.max(0.25, c.errors / c.spans);
    pen.fillRect(a.x, a.y, (a.w - gap) * share, a.h - gap);
  }
  pen.globalAlpha = 1;
}

function frame(pen: CanvasRenderingContext2D, a: Area) {
  const accent = getComputedStyle(document.documentElement).getPropertyValue("--accent").trim();
  pen.strokeStyle = accent;
  pen.lineWidth = 1.5;
  pen.strokeRect(a.x, a.y, a.w, a.h);
  pen.globalAlpha = 0.12;
  pen.fillStyle = accent;
  pen.fillRect(a.x, a.y, a.w, a.h);
  pen.globalAlpha = 1;
}
