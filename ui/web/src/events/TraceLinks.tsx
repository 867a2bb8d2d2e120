import { Link } from "@tanstack/react-router";

/** The example traces of some evidence. */
export function TraceLinks({ ids }: { ids: readonly string[] | null | undefined }) {
  if (!ids || ids.length === 0) return null;
  return (
    <span className="trace-links">
      {ids.length === 1 ? "trace" : "traces"}
      {ids.slice(0, 5).map((id) => (
        <Link key={id} className="link mono" to="/traces/$id" params={{ id }} title={id}>
          {id.slice(-6)}
        </Link>
      ))}
    </span>
  );
}
