import { compact } from "../format";
import { Badge } from "../ui/Badge";

/** How many were dropped, for all reasons together. */
export function droppedOf(reasons: Record<string, number> | null): number {
  return Object.values(reasons ?? {}).reduce((sum, n) => sum + n, 0);
}

/** How many were dropped, and why. */
export function Dropped({ reasons }: { reasons: Record<string, number> | null }) {
  const of = Object.entries(reasons ?? {}).filter(([, n]) => n > 0);
  if (of.length === 0) return <>0</>;
  const each = of.map(([why, n]) => (of.length > 1 ? `${why} ${compact(n)}` : why));
  return (
    <>
      <Badge tone="bad">{compact(droppedOf(reasons))}</Badge> <span className="faint">{each.join(", ")}</span>
    </>
  );
}
