import { useEffect, useRef, type RefObject } from "react";
import type { Edge } from "../api/graph";
import { useTheme } from "../shell/theme";
import type { View } from "./camera";
import { dotsPerSecond, pointAt, type Curve } from "./geometry";

interface Dot {
  s: number; // distance from the start
  bad: boolean;
}

interface Flow {
  dots: Dot[];
  due: number; // of the next dot, as a share of one
}

const SPEED = 78; // pixels of the world per second

interface Props {
  edges: readonly Edge[];
  curves: Map<string, Curve>;
  view: RefObject<View>;
  faint: (edge: string) => boolean; // lines that are not looked at
}

/** Dots that move along the lines as fast as requests come; red ones are failures. */
export function Dots({ edges, curves, view, faint }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const flows = useRef(new Map<string, Flow>());
  const now = useRef({ edges, curves, faint });
  now.current = { edges, curves, faint };
  const theme = useTheme();

  useEffect(() => {
    const c = canvas.current;
    const pen = c?.getContext("2d");
    const still = matchMedia("(prefers-reduced-motion: reduce)");
    if (!c || !pen || still.matches) return;
    const style = getComputedStyle(c);
    const colors = { good: style.getPropertyValue("--dot"), bad: style.getPropertyValue("--bad-mark") };
    let last = 0;
    let frame = requestAnimationFrame(function draw(at: number) {
      frame = requestAnimationFrame(draw);
      const step = Math.min(0.1, (at - last) / 1000);
      last = at;
      resize(c);
      const { x, y, k } = view.current;
      const ratio = devicePixelRatio;
      pen.setTransform(1, 0, 0, 1, 0, 0);
      pen.clearRect(0, 0, c.width, c.height);
      pen.setTransform(k * ratio, 0, 0, k * ratio, x * ratio, y * ratio);
      for (const e of now.current.edges) {
        const curve = now.current.curves.get(e.id);
        pen.globalAlpha = now.current.faint(e.id) ? 0.2 : 1;
        if (curve) drawFlow(pen, flowOf(flows.current, e, curve), e, curve, step, colors);
      }
    });
    return () => cancelAnimationFrame(frame);
  }, [view, theme]);

  return <canvas ref={canvas} className="graph-dots" aria-hidden="true" />;
}

function resize(c: HTMLCanvasElement) {
  const w = Math.round(c.clientWidth * devicePixelRatio);
  const h = Math.round(c.clientHeight * devicePixelRatio);
  if (c.width !== w || c.height !== h) {
    c.width = w;
    c.height = h;
  }
}

/** The dots of a line; a new line starts filled, as if it had been watched before. */
function flowOf(flows: Map<string, Flow>, e: Edge, curve: Curve): Flow {
  let flow = flows.get(e.id);
  if (!flow) {
    flow = { dots: [], due: 0 };
    const gap = SPEED / dotsPerSecond(e.rps);
    for (let s = gap * Math.random(); s < curve.length; s += gap) flow.dots.push({ s, bad: Math.random() < e.errorShare });
    flows.set(e.id, flow);
  }
  return flow;
}

function drawFlow(pen: CanvasRenderingContext2D, flow: Flow, e: Edge, curve: Curve, step: number, colors: { good: string; bad: string }) {
  flow.due += step * dotsPerSecond(e.rps);
  if (flow.due >= 1) {
    flow.due %= 1;
    flow.dots.push({ s: 0, bad: Math.random() < e.errorShare });
  }
  for (const d of flow.dots) d.s += SPEED * step;
  flow.dots = flow.dots.filter((d) => d.s < curve.length);
  for (const d of flow.dots) {
    const p = pointAt(curve, d.s);
    pen.fillStyle = d.bad ? colors.bad : colors.good;
    pen.beginPath();
    pen.arc(p.x, p.y, d.bad ? 3.4 : 2.4, 0, 2 * Math.PI);
    pen.fill();
  }
}
