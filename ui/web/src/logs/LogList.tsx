import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { LogRow } from "../api/log";
import { flagMeaning, fullTime, ms, time } from "../format";
import { Icon } from "../ui/Icon";

/** Rows of a search. One opens to all that it says. */
export function LogList({ rows }: { rows: readonly LogRow[] }) {
  const [open, setOpen] = useState<ReadonlySet<LogRow>>(new Set());
  const toggle = (row: LogRow) =>
    setOpen((before) => {
      const next = new Set(before);
      if (!next.delete(row)) next.add(row);
      return next;
    });
  return (
    <ol className="log-list" aria-label="Rows">
      {rows.map((row, i) => (
        <li key={`${row.time} ${row.spanId ?? ""} ${i}`}>
          <button type="button" className="log-row" aria-expanded={open.has(row)} data-severity={row.severity} onClick={() => toggle(row)}>
            <Icon name="chevron" size={12} />
            <time dateTime={row.time} title={fullTime(row.time)}>
              {time(row.time)}
            </time>
            <span className="log-severity">
              <i className="log-mark" data-severity={row.severity} /> {(row.severity || "–").toLowerCase()}
            </span>
            <b className="clip">{row.service}</b>
            <span className="log-text clip">{textOf(row)}</span>
            <span className="log-took">{row.durationMs ? ms(row.durationMs) : ""}</span>
          </button>
          {open.has(row) && <Detail row={row} />}
        </li>
      ))}
    </ol>
  );
}

/** A row in a line: what an app wrote, or the request that a sidecar saw. */
function textOf(row: LogRow): string {
  if (row.body) return row.body;
  const peer = row.peer ? `${row.reporter === "source" ? "→" : "←"} ${row.peer}` : "";
  const outcome = row.status ? `${row.status}` : row.reporter ? "no answer" : "";
  return [row.method, row.path, peer, outcome, row.flags, row.reason].filter(Boolean).join("  ");
}

function Detail({ row }: { row: LogRow }) {
  const facts: [string, string | undefined][] = [
    ["time", fullTime(row.time)],
    ["service", row.service],
    ["version", row.version],
    ["instance", row.instance],
    ["reporter", row.reporter],
    ["peer", row.peer],
    ["peer version", row.peerVersion],
    ["flags", row.flags && row.flags.split(",").map((f) => `${f} (${flagMeaning(f)})`).join(", ")],
    ["reason", row.reason],
    ["request id", row.requestId],
    ...Object.entries(row.attributes ?? {}).map(([k, v]): [string, string] => [k, typeof v === "string" ? v : JSON.stringify(v)]),
  ];
  return (
    <div className="log-detail">
      {row.body && <pre>{row.body}</pre>}
      <dl>
        {facts
          .filter(([, v]) => v)
          .map(([k, v]) => (
            <div key={k}>
              <dt>{k}</dt>
              <dd>{v}</dd>
            </div>
          ))}
      </dl>
      {row.traceId && (
        <Link className="button button-plain button-small" to="/traces/$id" params={{ id: row.traceId }} search={row.spanId ? { span: row.spanId } : {}}>
          <Icon name="traces" size={14} />
          Open its trace
        </Link>
      )}
    </div>
  );
}
