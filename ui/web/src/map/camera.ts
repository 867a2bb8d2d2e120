import { useCallback, useEffect, useMemo, useRef, type RefObject } from "react";
import type { Box, Point } from "./layout";

/** What part of the map is seen: screen = world × k + (x, y). */
export interface View {
  x: number;
  y: number;
  k: number;
}

const MIN = 0.2;
const MAX = 2;

export function clampZoom(k: number): number {
  return Math.min(MAX, Math.max(MIN, k));
}

/** The view that shows all boxes in a window, never larger than life. */
export function fitView(boxes: readonly Box[], window: { w: number; h: number }, least = MIN): View {
  if (boxes.length === 0) return { x: 0, y: 0, k: 1 };
  const left = Math.min(...boxes.map((b) => b.x));
  const top = Math.min(...boxes.map((b) => b.y));
  const w = Math.max(...boxes.map((b) => b.x + b.w)) - left;
  const h = Math.max(...boxes.map((b) => b.y + b.h)) - top;
  const pad = Math.min(48, window.w * 0.05);
  const k = Math.max(least, Math.min(1.1, (window.w - 2 * pad) / w, (window.h - 2 * pad) / h));
  const centre = (size: number, room: number) => (size * k <= room ? (room - size * k) / 2 : pad);
  return { k, x: centre(w, window.w) - left * k, y: centre(h, window.h) - top * k };
}

/**
 * Moves the map with pointer, wheel, two fingers and keys. The view is written
 * straight into the layers' styles: panning renders nothing.
 */
export function useCamera(frame: RefObject<HTMLElement | null>, layers: readonly RefObject<HTMLElement | null>[]) {
  const view = useRef<View>({ x: 0, y: 0, k: 1 });

  const set = useCallback(
    (v: View) => {
      view.current = v;
      for (const layer of layers) if (layer.current) layer.current.style.transform = `translate(${v.x}px, ${v.y}px) scale(${v.k})`;
      if (frame.current) frame.current.dataset["zoom"] = v.k < 0.5 ? "far" : "near";
    },
    [frame, layers],
  );

  const zoom = useCallback(
    (factor: number, around?: Point) => {
      const f = frame.current;
      const v = view.current;
      if (!f) return;
      const p = around ?? { x: f.clientWidth / 2, y: f.clientHeight / 2 };
      const k = clampZoom(v.k * factor);
      set({ k, x: p.x - ((p.x - v.x) / v.k) * k, y: p.y - ((p.y - v.y) / v.k) * k });
    },
    [frame, set],
  );

  useEffect(() => {
    const f = frame.current;
    if (!f) return;
    const fingers = new Map<number, Point>();
    const local = (e: PointerEvent | WheelEvent): Point => {
      const r = f.getBoundingClientRect();
      return { x: e.clientX - r.left, y: e.clientY - r.top };
    };
    const down = (e: PointerEvent) => {
      if ((e.target as Element).closest("[data-solid]")) return;
      fingers.set(e.pointerId, local(e));
    };
    const moved = (e: PointerEvent) => {
      const before = fingers.get(e.pointerId);
      if (!before) return;
      const now = local(e);
      const others = [...fingers].filter(([id]) => id !== e.pointerId);
      fingers.set(e.pointerId, now);
      if (others.length === 0) {
        if (Math.hypot(now.x - before.x, now.y - before.y) > 0 && !f.hasPointerCapture(e.pointerId)) f.setPointerCapture(e.pointerId);
        set({ ...view.current, x: view.current.x + now.x - before.x, y: view.current.y + now.y - before.y });
        return;
      }
      const other = others[0]![1];
      zoom(Math.hypot(now.x - other.x, now.y - other.y) / (Math.hypot(before.x - other.x, before.y - other.y) || 1), { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 });
    };
    const up = (e: PointerEvent) => fingers.delete(e.pointerId);
    const wheel = (e: WheelEvent) => {
      e.preventDefault();
      if (e.ctrlKey || Math.abs(e.deltaY) > Math.abs(e.deltaX)) zoom(Math.exp(-e.deltaY * (e.ctrlKey ? 0.01 : 0.0015)), local(e));
      else set({ ...view.current, x: view.current.x - e.deltaX });
    };
    f.addEventListener("pointerdown", down);
    f.addEventListener("pointermove", moved);
    f.addEventListener("pointerup", up);
    f.addEventListener("pointercancel", up);
    f.addEventListener("wheel", wheel, { passive: false });
    return () => {
      f.removeEventListener("pointerdown", down);
      f.removeEventListener("pointermove", moved);
      f.removeEventListener("pointerup", up);
      f.removeEventListener("pointercancel", up);
      f.removeEventListener("wheel", wheel);
    };
  }, [frame, set, zoom]);

  const fit = useCallback(
    (boxes: readonly Box[]) => {
      const f = frame.current;
      if (f) set(fitView(boxes, { w: f.clientWidth, h: f.clientHeight }, f.clientWidth < 600 ? 0.42 : MIN));
    },
    [frame, set],
  );

  /** Brings a box into sight, above whatever covers the lower part of a small window. */
  const show = useCallback(
    (box: Box) => {
      const f = frame.current;
      if (!f || f.clientWidth >= 600) return;
      const k = Math.max(view.current.k, 0.7);
      set({ k, x: f.clientWidth / 2 - (box.x + box.w / 2) * k, y: f.clientHeight * 0.18 - (box.y + box.h / 2) * k });
    },
    [frame, set],
  );

  return useMemo(() => ({ view, set, zoom, fit, show }), [set, zoom, fit, show]);
}
