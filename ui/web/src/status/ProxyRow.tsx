import { memo } from "react";
import { portsOf, wordsOf, type Proxy } from "../api/proxy";
import { compact, fullTime, ms, span } from "../format";
import { Badge, type Tone } from "../ui/Badge";
import type { IconName } from "../ui/Icon";

function stateOf(p: Proxy): { tone: Tone; icon: IconName; word: string } {
  if (p.unknown) return { tone: "warn", icon: "warn", word: "not known" };
  if (!p.connected) return { tone: "bad", icon: "fail", word: "not connected" };
  if (p.instance.state === "caller") return { tone: "plain", icon: "check", word: "caller" };
  if (p.instance.state !== "ready") return { tone: "warn", icon: "warn", word: p.instance.state };
  return { tone: "good", icon: "check", word: "ready" };
}

/** One sidecar in the table of them. */
export const ProxyRow = memo(function ProxyRow({ proxy: p }: { proxy: Proxy }) {
  const state = stateOf(p);
  const left = p.certExpires ? Date.parse(p.certExpires) - Date.now() : undefined;
  return (
    <tr>
      <td>
        <b title={p.instance.identity}>{p.instance.id}</b> <span className="faint proxy-address">{p.instance.address}</span>
      </td>
      <td>
        <Badge tone={state.tone} icon={state.icon}>
          {state.word}
        </Badge>
      </td>
      <td className="wrap">
        <Badge tone={p.inSync ? "good" : "bad"} icon={p.inSync ? "check" : "fail"}>
          {p.inSync ? "in sync" : p.behind ? `behind for ${span(Date.now() - Date.parse(p.behind))}` : "behind"}
        </Badge>
        {p.refusal && <div className="muted">{p.refusal}</div>}
        {p.unknown && <div className="muted">{p.unknown}</div>}
        {Math.abs(p.clockAheadMs ?? 0) >= 60_000 && (
          <div className="muted">
            its clock is {span(Math.abs(p.clockAheadMs!))} {p.clockAheadMs! < 0 ? "behind" : "ahead"}; handshakes fail from five minutes on
          </div>
        )}
        {p.turnedAway && (
          <div className="muted" title={`the last from ${p.turnedAway.from}, ${fullTime(p.turnedAway.last)}`}>
            turned away {compact(p.turnedAway.plaintext)} in plaintext, the last from {p.turnedAway.from}
          </div>
        )}
      </td>
      <td>
        {p.instance.service} {p.instance.version}
      </td>
      <td>
        {portsOf(p.instance).map((port, i) => (
          <div key={port.number} title={i === 0 ? "callers that name no port mean this one" : undefined}>
            {port.number} <span className="faint">{wordsOf(port)}</span>
          </div>
        ))}
      </td>
      <td className="num">
        {p.accepted}
        {p.accepted !== p.pushed && <span className="faint"> of {p.pushed}</span>}
      </td>
      <td className="num">{p.propagationMs ? ms(p.propagationMs) : <span className="faint">–</span>}</td>
      <td className="clip proxy-subscribed" title={(p.subscribed ?? []).join(", ")}>
        {(p.subscribed ?? []).join(", ") || <span className="faint">nothing</span>}
      </td>
      <td className="num" title={p.certExpires && fullTime(p.certExpires)}>
        {left === undefined ? <span className="faint">–</span> : left > 0 ? `${span(left)} left` : "expired"}
      </td>
      <td>{p.build}</td>
    </tr>
  );
});
