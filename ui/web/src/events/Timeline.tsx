import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { EventKind, MeshEvent } from "../api/event";
import { fullTime, span, time } from "../format";
import { diff } from "../traffic/diff";
import { DiffView } from "../traffic/DiffView";
import { Icon, type IconName } from "../ui/Icon";
import { gaps, type Entry } from "./group";
import { TraceLinks } from "./TraceLinks";

const icons: Record<EventKind, IconName> = {
  anomaly: "events",
  tripped: "trip",
  probing: "pulse",
  released: "check",
  held: "hold",
  config: "config",
  traffic: "traffic",
  instance: "proxies",
  registry: "proxies",
  refused: "fail",
  identity: "lock",
  plaintext: "lock",
};

/** What happened, newest first; the steps of one run of the loop stand together. */
export function Timeline({ entries }: { entries: readonly Entry[] }) {
  return (
    <ol className="timeline" aria-label="Timeline">
      {entries.map((entry) => (entry.events.length > 1 ? <Loop key={entry.key} entry={entry} /> : <Single key={entry.key} event={entry.events[0]!} />))}
    </ol>
  );
}

function Sign({ kind }: { kind: EventKind }) {
  return (
    <span className="event-sign" data-kind={kind}>
      <Icon name={icons[kind] ?? "events"} size={14} />
    </span>
  );
}

function Single({ event: e }: { event: MeshEvent }) {
  return (
    <li className="event" data-kind={e.kind}>
      <time dateTime={e.time} title={fullTime(e.time)}>
        {time(e.time)}
      </time>
      <Sign kind={e.kind} />
      <div className="event-words">
        <p>
          <span className="event-kind">{e.kind}</span> {e.summary}
        </p>
        <Evidence event={e} />
      </div>
    </li>
  );
}

function Loop({ entry }: { entry: Entry }) {
  const first = entry.events[0]!;
  const last = entry.events.at(-1)!;
  const target = first.target;
  const over = last.kind === "released";
  return (
    <li className="event event-loop" data-kind={last.kind}>
      <time dateTime={last.time} title={fullTime(last.time)}>
        {time(last.time)}
      </time>
      <Sign kind={last.kind} />
      <div className="event-words">
        <p>
          <b>
            {target.service}
            {target.version && `:${target.version}`}
          </b>{" "}
          {over ? "went bad and recovered" : last.kind === "held" ? "is held" : last.kind === "probing" ? "is being probed" : "is tripped"}
          <span className="faint"> · {span(Date.parse(last.time) - Date.parse(first.time))} from first to last step</span>
        </p>
        <Steps events={entry.events} />
      </div>
    </li>
  );
}

const SHOWN = 7; // steps; a breaker that trips and probes for long has dozens

/** The steps of a run. Of many, the first and the last are shown until all are asked for. */
function Steps({ events }: { events: readonly MeshEvent[] }) {
  const [all, setAll] = useState(false);
  const waits = gaps(events);
  const hidden = all ? 0 : Math.max(0, events.length - SHOWN);
  const from = 3; // the anomaly, the verdict and the first probe
  return (
    <ol className="steps">
      {events.map((e, i) => {
        if (hidden > 0 && i > from && i < from + hidden) return null;
        if (hidden > 0 && i === from) {
          return (
            <li key={e.id} className="steps-more">
              <button type="button" className="link" onClick={() => setAll(true)}>
                Show {hidden} more steps
              </button>
            </li>
          );
        }
        return (
          <li key={e.id} data-kind={e.kind}>
            <i />
            <span className="event-kind">{e.kind}</span>
            <time dateTime={e.time} title={fullTime(e.time)}>
              {i === 0 ? time(e.time) : `+${span(waits[i] ?? 0)}`}
            </time>
            <div>
              <p>{e.summary}</p>
              <Evidence event={e} />
            </div>
          </li>
        );
      })}
    </ol>
  );
}

function Evidence({ event: e }: { event: MeshEvent }) {
  const { before = "", after = "", ...numbers } = e.detail ?? {};
  const manifests = (before + after).includes("\n");
  const detail = Object.entries(manifests ? numbers : (e.detail ?? {})).filter(([, v]) => v !== "");
  const service = e.target.service;
  return (
    <>
      <p className="event-facts">
        <span>by {e.by}</span>
        {detail.map(([k, v]) => (
          <span key={k}>
            {k} <b>{v}</b>
          </span>
        ))}
        <TraceLinks ids={e.traces} />
        {service && e.kind === "traffic" && (
          <Link className="link" to="/traffic/$service" params={{ service }}>
            traffic of {service}
          </Link>
        )}
        {service && e.kind === "anomaly" && (
          <Link className="link" to="/" search={{ sel: `node:${service}`, at: e.time }}>
            map at that time
          </Link>
        )}
      </p>
      {manifests && (
        <details className="event-change">
          <summary>What changed</summary>
          <DiffView lines={diff(before, after)} />
        </details>
      )}
    </>
  );
}
