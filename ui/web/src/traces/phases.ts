import type { Span } from "../api/trace";

/** A part of the time that a request took, as one sidecar saw it. */
export interface Phase {
  name: string;
  ms: number;
}

/**
 * Where the time of a request went: the parts follow each other and add up to its
 * duration. What a sidecar says only when it took time counts as none when it is not said.
 * Nothing is known of spans that are not a sidecar's, nor of those of one that does not say.
 */
export function phases(span: Span): Phase[] {
  const total = span.durationNs / 1e6;
  const said = (key: string) => {
    const v = span.attributes?.[`sightline.${key}_ms`];
    return typeof v === "number" && v > 0 ? Math.min(v, total) : 0;
  };
  const firstByte = said("first_byte");
  const waited = said("waited");
  const received = said("received");
  if (!span.mesh || firstByte + waited + received === 0) return [];
  const answered = firstByte || total;
  const connected = Math.min(waited, answered);
  const whole = Math.min(Math.max(received, connected), answered); // an answer may come before the request's end
  return [
    { name: "waiting for a connection", ms: connected },
    { name: "request arriving", ms: whole - connected },
    { name: firstByte ? "until the answer began" : "no answer", ms: answered - whole },
    { name: "answer", ms: total - answered },
  ].filter((p) => p.ms > 0);
}
