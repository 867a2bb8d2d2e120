import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { useTheme } from "../shell/theme";
import "./chart.css";

export interface Line {
  label: string;
  color: string; // a CSS variable: "--chart-1"
  values: readonly number[];
  fill?: boolean;
}

interface Props {
  title: string;
  times: readonly number[]; // seconds
  lines: readonly Line[];
  format: (v: number) => string;
  height?: number;
}

/** A small chart of lines over time, with its values under the pointer in the title row. */
export function Chart({ title, times, lines, format, height = 96 }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const legend = useRef<HTMLDListElement>(null);
  const plot = useRef<uPlot | null>(null);
  const theme = useTheme();
  const shape = lines.map((l) => l.label + l.color).join();
  const newest = useRef({ lines, format });
  newest.current = { lines, format };

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const style = getComputedStyle(document.documentElement);
    const color = (name: string) => style.getPropertyValue(name).trim();
    const u = new uPlot(options(newest.current, { width: element.clientWidth, height, color, legend, now: newest }), [[], ...lines.map(() => [])], element);
    plot.current = u;
    const resize = new ResizeObserver(() => u.setSize({ width: element.clientWidth, height }));
    resize.observe(element);
    return () => {
      resize.disconnect();
      u.destroy();
      plot.current = null;
    };
    // eslint-style note: only the shape of the lines makes a new chart; values are set below.
  }, [shape, height, theme]);

  useEffect(() => {
    plot.current?.setData([times as number[], ...lines.map((l) => l.values as number[])]);
    if (plot.current) show(plot.current, legend.current, lines, format);
  }, [times, lines, format, theme]);

  return (
    <figure className="chart" aria-label={title}>
      <figcaption>
        <h3>{title}</h3>
        <dl ref={legend} className="chart-legend">
          {lines.map((l) => (
            <div key={l.label}>
              <dt>
                <i className="chart-key" data-color={l.color} />
                {l.label}
              </dt>
              <dd>{format(l.values.at(-1) ?? 0)}</dd>
            </div>
          ))}
        </dl>
      </figcaption>
      <div ref={box} className="chart-box" data-height={height} />
    </figure>
  );
}

interface Setting {
  width: number;
  height: number;
  color: (name: string) => string;
  legend: { current: HTMLDListElement | null };
  now: { current: { lines: readonly Line[]; format: (v: number) => string } };
}

function options(first: Setting["now"]["current"], s: Setting): uPlot.Options {
  const axis = { stroke: s.color("--faint"), font: "10.5px Inter, system-ui, sans-serif", grid: { stroke: s.color("--grid"), width: 1 }, ticks: { show: false } };
  return {
    width: s.width,
    height: s.height,
    padding: [6, 16, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { size: 5 }, drag: { x: false, y: false }, sync: { key: "panel" } },
    scales: { y: { range: (_u, _min, max) => [0, Math.max(max * 1.15, 0.001)] } },
    axes: [
      { ...axis, size: 22, gap: 5, space: 48, values: (_u, splits) => splits.map(clock) },
      { ...axis, size: 46, gap: 4, space: 30, values: (_u, splits) => splits.map((v) => s.now.current.format(v)) },
    ],
    series: [
      {},
      ...first.lines.map((l) => ({
        stroke: s.color(l.color),
        width: 1.4,
        points: { show: false },
        fill: l.fill ? `color-mix(in srgb, ${s.color(l.color)} 12%, transparent)` : undefined,
      })),
    ],
    hooks: {
      setCursor: [(u: uPlot) => show(u, s.legend.current, s.now.current.lines, s.now.current.format)],
    },
  };
}

function clock(seconds: number): string {
  const second = seconds % 60 === 0 ? undefined : "2-digit";
  return new Date(seconds * 1000).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", second, hourCycle: "h23" });
}

/** Writes the values under the pointer, or the newest, without a render. */
function show(u: uPlot, legend: HTMLDListElement | null, lines: readonly Line[], format: (v: number) => string) {
  const values = legend?.querySelectorAll("dd");
  lines.forEach((l, i) => {
    const at = u.cursor.idx ?? l.values.length - 1;
    const dd = values?.[i];
    if (dd) dd.textContent = format(l.values[at] ?? 0);
  });
}
