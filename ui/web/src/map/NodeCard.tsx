import { memo, useRef, type PointerEvent } from "react";
import { OUTSIDE, type Node, type Version } from "../api/graph";
import { compact, ms, share } from "../format";
import { Icon } from "../ui/Icon";
import type { View } from "./camera";
import type { Box, Point } from "./layout";

interface Props {
  node: Node;
  box: Box;
  selected: boolean;
  dim: boolean;
  anomalous: boolean;
  view: { current: View };
  onSelect: (key: string) => void;
  onMove: (id: string, to: Point) => void;
}

const signs = { idle: "minus", healthy: "check", degraded: "warn", failing: "fail" } as const;

export const NodeCard = memo(function NodeCard({ node, box, selected, dim, anomalous, view, onSelect, onMove }: Props) {
  const drag = useDrag(node.id, box, view, onMove);
  const versions = node.versions ?? [];
  const outside = node.id === OUTSIDE;
  return (
    <button
      type="button"
      className="node"
      style={{ transform: `translate(${box.x}px, ${box.y}px)`, width: box.w, height: box.h }}
      data-solid
      data-node={node.id}
      data-health={node.health}
      data-selected={selected || undefined}
      data-dim={dim || undefined}
      data-anomaly={anomalous || undefined}
      aria-pressed={selected}
      onClick={() => !drag.moved() && onSelect(`node:${node.id}`)}
      {...drag.handlers}
    >
      <span className="node-head">
        <span className="node-sign">
          <Icon name={outside ? "globe" : signs[node.health]} size={13} />
        </span>
        <span className="node-name clip">{outside ? "Outside" : node.id}</span>
        <span className="visually-hidden">{node.health}</span>
        <span className="node-rate">{compact(node.rps)}/s</span>
      </span>
      <span className="node-facts">
        <span data-bad={node.errorShare >= 0.001 || undefined}>{share(node.errorShare)} err</span>
        <span>p99 {ms(node.p99)}</span>
      </span>
      {versions.length > 1 && (
        <span className="node-versions">
          {versions.map((v) => (
            <VersionRow key={v.version} version={v} of={node.rps} />
          ))}
        </span>
      )}
    </button>
  );
});

function VersionRow({ version: v, of }: { version: Version; of: number }) {
  const part = of > 0 ? v.rps / of : 0;
  return (
    <span className="node-version" data-breaker={v.breaker} data-health={v.health}>
      <span className="clip">{v.version}</span>
      <span className="node-share">
        <span style={{ width: `${(part * 100).toFixed(1)}%` }} />
      </span>
      <span className="node-part">{v.breaker === "admitting" ? `${Math.round(part * 100)} %` : v.breaker}</span>
    </span>
  );
}

/** Dragging moves the card; a press without a move stays a click. */
function useDrag(id: string, box: Box, view: { current: View }, onMove: (id: string, to: Point) => void) {
  const start = useRef<{ x: number; y: number; box: Point; moved: boolean } | null>(null);
  const wasMoved = useRef(false);
  return {
    moved: () => wasMoved.current,
    handlers: {
      onPointerDown: (e: PointerEvent<HTMLElement>) => {
        start.current = { x: e.clientX, y: e.clientY, box, moved: false };
        wasMoved.current = false;
      },
      onPointerMove: (e: PointerEvent<HTMLElement>) => {
        const s = start.current;
        if (!s) return;
        const dx = e.clientX - s.x;
        const dy = e.clientY - s.y;
        if (!s.moved && Math.hypot(dx, dy) < 5) return;
        if (!s.moved) e.currentTarget.setPointerCapture(e.pointerId);
        s.moved = true;
        wasMoved.current = true;
        onMove(id, { x: s.box.x + dx / view.current.k, y: s.box.y + dy / view.current.k });
      },
      onPointerUp: () => {
        start.current = null;
      },
      onPointerCancel: () => {
        start.current = null;
      },
    },
  };
}
