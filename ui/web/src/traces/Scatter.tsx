import { useEffect, useRef, useState } from "react";
import type { TraceSummary } from "../api/trace";
import { ns, time } from "../format";
import { useTheme } from "../shell/theme";
import { spots, type Spot } from "./spots";

const HEIGHT = 132;

/** Each trace by its time and, on a logarithmic scale, its duration. */
export function Scatter({ traces, onOpen }: { traces: readonly TraceSummary[]; onOpen: (id: string) => void }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(0);
  const [over, setOver] = useState<Spot>();
  const theme = useTheme();
  const all = spots(traces, { w: width, h: HEIGHT });

  useEffect(() => {
    const c = canvas.current?.parentElement;
    if (!c) return;
    const watch = new ResizeObserver(() => setWidth(c.clientWidth));
    watch.observe(c);
    return () => watch.disconnect();
  }, []);

  useEffect(() => {
    const c = canvas.current;
    const pen = c?.getContext("2d");
    if (!c || !pen || width === 0) return;
    c.width = width * devicePixelRatio;
    c.height = HEIGHT * devicePixelRatio;
    pen.scale(devicePixelRatio, devicePixelRatio);
    paint(pen, all, width, over);
  }, [all, width, theme, over]);

  const nearest = (e: React.MouseEvent): Spot | undefined => {
    const r = e.currentTarget.getBoundingClientRect();
    let best: Spot | undefined;
    let least = 14;
    for (const s of all.spots) {
      const d = Math.hypot(s.x - (e.clientX - r.left), s.y - (e.clientY - r.top));
      if (d < least) [least, best] = [d, s];
    }
    return best;
  };

  return (
    <figure className="scatter" aria-label={`${traces.length} traces by time and duration, ${traces.filter((t) => t.errors > 0).length} with errors`}>
      <canvas
        ref={canvas}
        role="img"
        aria-hidden="true"
        data-over={over ? true : undefined}
        onMouseMove={(e) => setOver(nearest(e))}
        onMouseLeave={() => setOver(undefined)}
        onClick={(e) => {
          const s = nearest(e);
          if (s) onOpen(s.trace.traceId);
        }}
      />
      {over && (
        <figcaption className="scatter-tip" style={{ left: Math.min(over.x + 10, width - 230), top: Math.min(over.y + 10, HEIGHT - 44) }}>
          <b>{over.trace.rootService}</b> {over.trace.rootName}
          <br />
          {time(over.trace.start)} · {ns(over.trace.durationNs)}
        </figcaption>
      )}
    </figure>
  );
}

function paint(pen: CanvasRenderingContext2D, all: ReturnType<typeof spots>, width: number, over: Spot | undefined) {
  const style = getComputedStyle(document.documentElement);
  const color = (name: string) => style.getPropertyValue(name).trim();
  pen.clearRect(0, 0, width, HEIGHT);
  pen.font = "10.5px Inter, system-ui, sans-serif";
  pen.lineWidth = 1;
  for (const line of all.lines) {
    pen.strokeStyle = color("--grid");
    pen.beginPath();
    pen.moveTo(58, Math.round(line.y) + 0.5);
    pen.lineTo(width, Math.round(line.y) + 0.5);
    pen.stroke();
    pen.fillStyle = color("--faint");
    pen.textAlign = "right";
    pen.fillText(ns(line.durationNs), 50, line.y + 3.5);
  }
  pen.textAlign = "center";
  for (const t of all.times) pen.fillText(time(new Date(t.at).toISOString()), t.x, HEIGHT - 3);
  for (const bad of [false, true]) {
    pen.fillStyle = color(bad ? "--bad-mark" : "--chart-1");
    for (const s of all.spots) {
      if (s.trace.errors > 0 !== bad) continue;
      pen.globalAlpha = s === over ? 1 : bad ? 0.9 : 0.5;
      pen.beginPath();
      pen.arc(s.x, s.y, s.trace.traceId === over?.trace.traceId ? 5 : 3, 0, 2 * Math.PI);
      pen.fill();
    }
  }
  pen.globalAlpha = 1;
}
