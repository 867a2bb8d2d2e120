import { wordsOf, type Proxy } from "../api/proxy";
import { portGroups } from "./ports";

const MOST = 12; // rows: where every instance has a port of its own there are many

/** The ports of a service's apps, the one that callers mean who name none first. */
export function PortTable({ instances }: { instances: readonly Proxy[] }) {
  const groups = portGroups(instances);
  return (
    <table className="small-table">
      <thead>
        <tr>
          <th>Port</th>
          <th>Name, protocol</th>
          <th className="num">Instances</th>
        </tr>
      </thead>
      <tbody>
        {groups.slice(0, MOST).map((g) => (
          <tr key={g.key}>
            <td title={g.first ? "callers that name no port mean this one" : undefined}>{g.port.number}</td>
            <td>{wordsOf(g.port) || <span className="faint">told by looking</span>}</td>
            <td className="num" title={g.instances.join(", ")}>
              {g.instances.length === 1 ? g.instances[0] : g.instances.length}
            </td>
          </tr>
        ))}
        {groups.length > MOST && (
          <tr>
            <td className="faint" colSpan={3}>
              and {groups.length - MOST} more
            </td>
          </tr>
        )}
      </tbody>
    </table>
  );
}
