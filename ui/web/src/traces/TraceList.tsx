import { Link } from "@tanstack/react-router";
import type { TraceSummary } from "../api/trace";
import { fullTime, ns, time } from "../format";
import { Badge } from "../ui/Badge";
import { hueOf } from "./waterfall";

/** Search results. Rows are links, so that they open in a new tab as links do. */
export function TraceList({ traces, label = "Traces" }: { traces: readonly TraceSummary[]; label?: string }) {
  const longest = traces.reduce((most, t) => Math.max(most, t.durationNs), 1);
  return (
    <ol className="trace-list" aria-label={label}>
      {traces.map((t) => (
        <li key={t.traceId}>
          <Link className="trace-row" to="/traces/$id" params={{ id: t.traceId }} data-error={t.errors > 0 || undefined}>
            <time className="trace-time" dateTime={t.start} title={fullTime(t.start)}>
              {time(t.start)}
            </time>
            <span className="trace-name">
              <b>{t.rootService || "unknown"}</b> <span className="clip">{t.rootName}</span>
            </span>
            <span className="trace-services" aria-label={`${t.services?.length ?? 0} services`}>
              {(t.services ?? []).slice(0, 8).map((s) => (
                <i key={s} data-hue={hueOf(s)} title={s} />
              ))}
              <span className="faint">{t.spans} {t.spans === 1 ? "span" : "spans"}</span>
            </span>
            <span className="trace-errors">
              {t.errors > 0 && (
                <Badge tone="bad" icon="fail">
                  {t.errors} failed
                </Badge>
              )}
            </span>
            <span className="trace-duration">
              <span className="trace-bar">
                <span style={{ width: `${Math.max(1.5, (t.durationNs / longest) * 100)}%` }} />
              </span>
              <span>{ns(t.durationNs)}</span>
            </span>
          </Link>
        </li>
      ))}
    </ol>
  );
}
