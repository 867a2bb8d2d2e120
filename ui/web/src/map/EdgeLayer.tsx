import { memo } from "react";
import type { Edge } from "../api/graph";
import { compact, ms, share } from "../format";
import { Icon } from "../ui/Icon";
import { angleAt, piece, pointAt, type Curve } from "./geometry";
import type { Point } from "./layout";

interface LineProps {
  edge: Edge;
  curve: Curve;
  selected: boolean;
  dim: boolean;
  onSelect: (key: string) => void;
}

/** One line. A tripped breaker is a break in it, shortly before its destination. */
export const EdgeLine = memo(function EdgeLine({ edge, curve, selected, dim, onSelect }: LineProps) {
  const width = 1.2 + Math.min(2.4, Math.log10(1 + edge.rps) * 0.9);
  const broken = edge.breaker !== "admitting";
  const gap = Math.max(curve.length - 34, curve.length * 0.7);
  return (
    <g className="edge" data-health={edge.health} data-breaker={edge.breaker} data-selected={selected || undefined} data-dim={dim || undefined}>
      {edge.anomaly && <path className="edge-pulse" d={curve.path} />}
      <path className="edge-hit" d={curve.path} onClick={() => onSelect(`edge:${edge.id}`)} />
      {broken ? (
        <>
          <path className="edge-line" d={piece(curve, 0, gap - 7)} strokeWidth={width} />
          <path className="edge-line" d={piece(curve, gap + 7, curve.length)} strokeWidth={width} markerEnd="url(#arrow)" />
          <Break at={pointAt(curve, gap)} angle={angleAt(curve, gap)} />
        </>
      ) : (
        <path className="edge-line" d={curve.path} strokeWidth={width} markerEnd="url(#arrow)" />
      )}
    </g>
  );
});

function Break({ at, angle }: { at: Point; angle: number }) {
  return (
    <g className="edge-break" transform={`translate(${at.x.toFixed(1)} ${at.y.toFixed(1)}) rotate(${angle.toFixed(1)})`}>
      <path d="M-3 7L-1 -7M2 7L4 -7" />
    </g>
  );
}

interface LabelProps {
  edge: Edge;
  at: Point;
  selected: boolean;
  dim: boolean;
  onSelect: (key: string) => void;
}

export const EdgeLabel = memo(function EdgeLabel({ edge, at, selected, dim, onSelect }: LabelProps) {
  const secure = edge.mtlsShare >= 1;
  const failing = edge.errorShare >= 0.001;
  return (
    <button
      type="button"
      className="edge-label"
      style={{ transform: `translate(${at.x}px, ${at.y}px) translate(-50%, -50%)` }}
      data-solid
      data-health={edge.health}
      data-selected={selected || undefined}
      data-dim={dim || undefined}
      data-edge={edge.id}
      aria-pressed={selected}
      onClick={() => onSelect(`edge:${edge.id}`)}
    >
      <span className="visually-hidden">
        {edge.source} to {edge.destination}, {secure ? "mutual TLS" : "no mutual TLS"}
        {edge.breaker !== "admitting" && `, breaker ${edge.breaker}`}:
      </span>
      {secure ? <Icon name="lock" size={10} /> : edge.source !== "outside" && <Icon name="unlock" size={10} />}
      <span>{compact(edge.rps)}/s</span>
      {failing ? (
        <b>
          {share(edge.errorShare)}
          <span className="visually-hidden"> failed</span>
        </b>
      ) : (
        <i>
          <span className="visually-hidden">p99 </span>
          {ms(edge.p99)}
        </i>
      )}
    </button>
  );
});
