import type { ConfigChange, ControlPlane } from "../api/proxy";
import { fullTime, ms, time } from "../format";
import { Badge } from "../ui/Badge";
import { reach, whatChanged } from "./reach";
import { TableScroll } from "./TableScroll";

/** The newest changes of what sidecars are told, and how far and how fast each has come. */
export function ChangesTable({ changes, planes }: { changes: readonly ConfigChange[]; planes: readonly ControlPlane[] }) {
  if (changes.length === 0) return null;
  const many = planes.length > 1;
  return (
    <section aria-label="Changes on their way">
      <h2 className="table-title">Newest changes, from the commit until they are in force</h2>
      <TableScroll label="Newest changes">
        <thead>
          <tr>
            <th>Version</th>
            <th>Committed</th>
            <th>Services and policies</th>
            <th>In force at</th>
            <th className="num">Half of them after</th>
            <th className="num">The slowest after</th>
            {many && <th>Control plane</th>}
          </tr>
        </thead>
        <tbody>
          {changes.map((c) => {
            const r = reach(c);
            const changed = whatChanged(c);
            return (
              <tr key={`${c.controlPlane} ${c.version}`}>
                <td>{c.version}</td>
                <td title={fullTime(c.committed)}>{time(c.committed)}</td>
                <td className="wrap">
                  {changed.names.join(", ")}
                  {changed.more > 0 && <span className="faint"> and {changed.more} more</span>}
                </td>
                <td>
                  <Badge tone={r.tone} icon={r.icon}>
                    {r.words}
                  </Badge>
                </td>
                <td className="num">{c.applied > 0 ? ms(c.p50Ms) : "–"}</td>
                <td className="num">{c.applied > 0 ? ms(c.lastMs) : "–"}</td>
                {many && <td>{c.controlPlane}</td>}
              </tr>
            );
          })}
        </tbody>
      </TableScroll>
    </section>
  );
}
