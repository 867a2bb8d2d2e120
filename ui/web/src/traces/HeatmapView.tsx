import { useEffect, useRef, useState, type KeyboardEvent, type PointerEvent } from "react";
import type { HeatCell, Heatmap } from "../api/search";
import { compact, ns, time } from "../format";
import { useTheme } from "../shell/theme";
import { between, scalesOf, wider, type Area, type Box, type Cell, type Point } from "./heat";

const HEIGHT = 190;

interface Props {
  heatmap: Heatmap;
  of: string; // "root spans"
  box: Box | undefined;
  onSelect: (b: Box) => void;
  onDrop: () => void;
}

/** What the keys point at: a cell, and the one at which a rectangle began. */
interface Cursor {
  from: Cell;
  at: Cell;
}

/** How far a finger may miss what it points at, in pixels. */
const FINGER = 9;

/** How many spans took how long, and when. A cell or rectangle selects the spans in it, by pointer or by keys. */
export function HeatmapView({ heatmap, of, box, onSelect, onDrop }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(0);
  const [drag, setDrag] = useState<Area>();
  const [over, setOver] = useState<Point>();
  const [cursor, setCursor] = useState<Cursor>();
  const theme = useTheme();
  const scales = scalesOf(heatmap, { w: width, h: HEIGHT });
  const keyed = cursor && between(scales.centre(cursor.from), scales.centre(cursor.at));
  const shown = drag ?? (keyed && scales.area(scales.box(keyed))) ?? (box && scales.area(box));

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
  const start = useRef<Point>(undefined);
  const move = (e: PointerEvent) => {
    const p = at(e);
    setOver(p);
    if (start.current) setDrag(between(start.current, p));
  };
  const end = (e: PointerEvent) => {
    if (start.current) {
      const drawn = between(start.current, at(e));
      const tap = e.pointerType === "touch" && Math.max(drawn.w, drawn.h) < FINGER;
      onSelect(scales.box(tap ? wider(drawn, FINGER) : drawn));
    }
    start.current = undefined;
    setDrag(undefined);
    if (e.pointerType === "touch") setOver(undefined); // a finger that is lifted is nowhere
  };
  const key = (e: KeyboardEvent) => {
    const step = STEPS[e.key];
    if (step) {
      const last = heatmap.cells.at(-1) ?? { column: 0, bucket: 0 };
      const next = cursor ? scales.nearest({ column: cursor.at.column + step[0], bucket: cursor.at.bucket + step[1] }) : scales.nearest(last);
      setCursor({ at: next, from: e.shiftKey && cursor ? cursor.from : next });
    } else if ((e.key === "Enter" || e.key === " ") && keyed) onSelect(scales.box(keyed));
    else if (e.key === "Escape" && (cursor || box)) {
      setCursor(undefined);
      onDrop();
    } else return;
    e.preventDefault();
  };
  const pointed = cursor ? scales.centre(cursor.at) : over;
  const under = pointed && !drag ? cellAt(heatmap, scales, pointed) : undefined;

  return (
    <figure className="heatmap" aria-label={`${compact(heatmap.spans)} ${of} by time and duration, ${compact(heatmap.errors)} with errors`}>
      <div
        className="heatmap-keys"
        role="application"
        aria-roledescription="heatmap"
        aria-label="Cells: arrows move, with shift they widen, enter selects, escape drops"
        tabIndex={0}
        onKeyDown={key}
        onBlur={() => setCursor(undefined)}
      >
        <canvas
          ref={canvas}
          aria-hidden="true"
          onPointerDown={(e) => {
            if (e.button !== 0) return;
            e.currentTarget.setPointerCapture(e.pointerId);
            setCursor(undefined);
            start.current = at(e);
          }}
          onPointerMove={move}
          onPointerUp={end}
          onPointerCancel={() => ((start.current = undefined), setDrag(undefined), setOver(undefined))}
          onPointerLeave={() => setOver(undefined)}
        />
      </div>
      {pointed && (under || cursor) && (
        <figcaption className="heatmap-tip" aria-live="polite" style={{ left: Math.max(0, Math.min(pointed.x + 12, width - 220)), top: Math.min(pointed.y + 12, HEIGHT - 60) }}>
          <Told cell={under} box={scales.box({ ...pointed, w: 0, h: 0 })} of={of} />
        </figcaption>
      )}
    </figure>
  );
}

const STEPS: Record<string, [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

/** What is in a cell, none of an empty one. */
function Told({ cell, box, of }: { cell: HeatCell | undefined; box: Box; of: string }) {
  return (
    <>
      <b>{compact(cell?.spans ?? 0)}</b> {of}
      {cell && cell.errors > 0 && <span className="heatmap-bad"> · {compact(cell.errors)} failed</span>}
      <br />
      {time(new Date(box.from).toISOString())} · {ns(box.low)} – {ns(box.high)}
    </>
  );
}

type Scales = ReturnType<typeof scalesOf>;

function cellAt(h: Heatmap, s: Scales, p: Point): HeatCell | undefined {
  return h.cells.find((c) => {
    const a = s.cell(c.column, c.bucket);
    return p.x >= a.x && p.x < a.x + a.w && p.y >= a.y && p.y < a.y + a.h;
  });
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
