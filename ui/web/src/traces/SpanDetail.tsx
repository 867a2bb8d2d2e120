import { Link } from "@tanstack/react-router";
import type { Span } from "../api/trace";
import type { Try } from "../api/why";
import { flagMeaning, fullTime, ms, ns, time } from "../format";
import { Badge } from "../ui/Badge";
import { Button } from "../ui/Button";
import { Icon } from "../ui/Icon";
import { phases } from "./phases";
import { serviceOf, type Row } from "./waterfall";

/** Everything that is known of one row. */
export function SpanDetail({ row, onClose }: { row: Row; onClose: () => void }) {
  const { span, inner } = row;
  const message = span.statusMessage || inner?.statusMessage;
  return (
    <aside className="span-detail" aria-label={`Span ${span.name}`}>
      <header>
        <div>
          <h2>{span.name}</h2>
          <p className="muted">
            {inner ? `${span.service} → ${serviceOf(row)}` : span.service}
            {(inner ?? span).version && ` ${(inner ?? span).version}`}
          </p>
        </div>
        <Button look="quiet" icon="close" aria-label="Close span" onClick={onClose} />
      </header>
      <div className="span-facts">
        <Badge tone={row.error ? "bad" : "good"} icon={row.error ? "fail" : "check"}>
          {row.error ? "failed" : "ok"}
        </Badge>
        <Badge>{ns(span.durationNs)}</Badge>
        <Badge>{span.mesh ? "by the sidecar" : "by the app"}</Badge>
        {span.attributes?.["sightline.mtls"] === true && (
          <Badge tone="good" icon="lock">
            mutual TLS
          </Badge>
        )}
      </div>
      {message && (
        <p className="span-message">
          <Icon name="fail" size={14} /> {message}
        </p>
      )}
      <Flags text={String(span.attributes?.["sightline.flags"] ?? "")} />
      <Tries json={span.attributes?.["sightline.tries"]} />
      <Phases title={inner ? `Where the time went, as ${span.service} saw it` : "Where the time went"} span={span} />
      {inner && <Phases title={`As ${inner.service} saw it`} span={inner} />}
      {inner ? (
        <>
          <Attributes title={`Seen by ${span.service}`} span={span} />
          <Attributes title={`Seen by ${inner.service}`} span={inner} />
        </>
      ) : (
        <Attributes title="Attributes" span={span} />
      )}
      <p className="span-links">
        <Link className="link" to="/" search={{ sel: inner ? `edge:${span.service}→${inner.service}` : `node:${span.service}` }}>
          Show on the map
        </Link>
        <Link className="link" to="/traces/$id" params={{ id: span.traceId }} search={{ tab: "why" }}>
          Why it ended so
        </Link>
      </p>
    </aside>
  );
}

function Flags({ text }: { text: string }) {
  const flags = text.split(",").filter(Boolean);
  if (flags.length === 0) return null;
  return (
    <ul className="span-flags">
      {flags.map((f) => (
        <li key={f}>
          <code>{f}</code> {flagMeaning(f)}
        </li>
      ))}
    </ul>
  );
}

function Phases({ title, span }: { title: string; span: Span }) {
  const parts = phases(span);
  if (parts.length === 0) return null;
  const total = parts.reduce((sum, p) => sum + p.ms, 0);
  return (
    <section>
      <h3>{title}</h3>
      <ol className="span-phases">
        {parts.map((p) => (
          <li key={p.name}>
            <span>{p.name}</span>
            <span>{ms(p.ms)}</span>
            <span className="span-phase" style={{ width: `${(100 * p.ms) / total}%` }} />
          </li>
        ))}
      </ol>
    </section>
  );
}

/** The tries of a request: a JSON text in an attribute, which other writers may spell otherwise. */
function Tries({ json }: { json: unknown }) {
  let tries: Try[] = [];
  try {
    tries = typeof json === "string" ? (JSON.parse(json) as Try[]) : [];
  } catch {
    return null;
  }
  if (!Array.isArray(tries) || tries.length < 2) return null;
  return (
    <section>
      <h3>Tries</h3>
      <ol className="span-tries">
        {tries.map((t, i) => (
          <li key={i}>
            <span>{i + 1}</span>
            <span className="clip">{t.instance}</span>
            <span>{t.status || "–"}</span>
            <span>{ms(t.ms)}</span>
            {t.reason && <span className="span-reason">{t.reason}</span>}
          </li>
        ))}
      </ol>
    </section>
  );
}

function Attributes({ title, span }: { title: string; span: Span }) {
  const known: [string, unknown][] = [
    ["span id", span.spanId],
    ["kind", span.kind],
    ["instance", span.instance],
    ["start", fullTime(span.start)],
  ];
  const all = [...known, ...Object.entries(span.attributes ?? {}).sort(([a], [b]) => a.localeCompare(b))].filter(([, v]) => v !== undefined && v !== "");
  return (
    <section>
      <h3>{title}</h3>
      <dl className="span-attributes">
        {all.map(([k, v]) => (
          <div key={k}>
            <dt>{k}</dt>
            <dd>{typeof v === "object" ? JSON.stringify(v) : String(v)}</dd>
          </div>
        ))}
      </dl>
      {(span.events ?? []).map((e, i) => (
        <p key={i} className="span-event">
          <time>{time(e.time)}</time> {e.name} <span className="faint">{JSON.stringify(e.attributes ?? {})}</span>
        </p>
      ))}
    </section>
  );
}
