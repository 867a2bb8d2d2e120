import { useQuery } from "@tanstack/react-query";
import { proxiesQuery } from "../api/queries";
import { portsOf, wordsOf, type Proxy } from "../api/proxy";
import { fullTime, ms, span } from "../format";
import { Page } from "../shell/Page";
import { Badge, type Tone } from "../ui/Badge";
import type { IconName } from "../ui/Icon";
import { ErrorState, Skeleton, State } from "../ui/State";
import { ChangesTable } from "./ChangesTable";
import { TableScroll } from "./TableScroll";

export default function ProxiesPage() {
  const proxies = useQuery(proxiesQuery);
  const all = (proxies.data?.proxies ?? []).filter((p) => !p.instance.origin).sort((a, b) => Number(a.inSync) - Number(b.inSync) || a.instance.id.localeCompare(b.instance.id));
  const behind = all.filter((p) => !p.inSync).length;
  return (
    <Page title="Proxies" note={proxies.data && `${all.length} sidecars, ${behind === 0 ? "all in sync" : `${behind} not in sync`}`}>
      {proxies.isPending && <Skeleton rows={10} label="Sidecars are loading" />}
      {proxies.isError && <ErrorState error={proxies.error} retry={() => void proxies.refetch()} />}
      {proxies.isSuccess && all.length === 0 && (
        <State icon="proxies" title="No sidecars yet">
          Make a join token with <code>sightline token create</code> and start a program beside a sidecar.
        </State>
      )}
      {all.length > 0 && (
        <TableScroll label="Sidecars">
            <thead>
              <tr>
                <th>Instance</th>
                <th>Service</th>
                <th>Ports</th>
                <th>State</th>
                <th>Configuration</th>
                <th className="num">Version</th>
                <th className="num" title="From the commit of the newest change until it was in force at the sidecar">Took</th>
                <th>Subscribed to</th>
                <th className="num">Certificate</th>
                <th>Build</th>
              </tr>
            </thead>
            <tbody>
              {all.map((p) => (
                <Row key={p.instance.id} proxy={p} />
              ))}
            </tbody>
          </TableScroll>
      )}
      {proxies.data && <ChangesTable changes={proxies.data.changes} planes={proxies.data.controlPlanes} />}
    </Page>
  );
}

function stateOf(p: Proxy): { tone: Tone; icon: IconName; word: string } {
  if (p.unknown) return { tone: "warn", icon: "warn", word: "not known" };
  if (!p.connected) return { tone: "bad", icon: "fail", word: "not connected" };
  if (p.instance.state === "caller") return { tone: "plain", icon: "check", word: "caller" };
  if (p.instance.state !== "ready") return { tone: "warn", icon: "warn", word: p.instance.state };
  return { tone: "good", icon: "check", word: "ready" };
}

function Row({ proxy: p }: { proxy: Proxy }) {
  const state = stateOf(p);
  const left = Date.parse(p.certExpires) - Date.now();
  return (
    <tr>
      <td>
        <b title={p.instance.identity}>{p.instance.id}</b> <span className="faint">{p.instance.address}</span>
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
      </td>
      <td className="num">
        {p.accepted}
        {p.accepted !== p.pushed && <span className="faint"> of {p.pushed}</span>}
      </td>
      <td className="num">{p.propagationMs ? ms(p.propagationMs) : <span className="faint">–</span>}</td>
      <td className="clip proxy-subscribed" title={(p.subscribed ?? []).join(", ")}>
        {(p.subscribed ?? []).join(", ") || <span className="faint">nothing</span>}
      </td>
      <td className="num" title={fullTime(p.certExpires)}>
        {left > 0 ? `${span(left)} left` : "expired"}
      </td>
      <td>{p.build}</td>
    </tr>
  );
}
