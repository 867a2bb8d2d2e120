import type { Tenant } from "../api/pipeline";
import { bytes } from "../format";
import { Dropped } from "./Dropped";
import { TableScroll } from "./TableScroll";

/** What each tenant sent, and what of it was beyond its rate. Nothing where none has sent. */
export function TenantsTable({ tenants }: { tenants: readonly Tenant[] }) {
  if (tenants.length === 0) return null;
  return (
    <>
      <h2 className="table-title">Tenants</h2>
      <TableScroll label="Tenants">
        <thead>
          <tr>
            <th>Tenant</th>
            <th>Signal</th>
            <th className="num">Taken</th>
            <th className="num">Size</th>
            <th className="num" title="Beyond its rate: its senders were told when to come again">
              Refused
            </th>
          </tr>
        </thead>
        <tbody>
          {tenants.map((t) => (
            <tr key={`${t.tenant} ${t.claimed} ${t.signal}`}>
              <td>
                <b>{t.tenant || "–"}</b> {t.claimed && <span className="faint" title="Its sender has no certificate">says so of itself</span>}
              </td>
              <td>{t.signal}</td>
              <td className="num">{t.taken.toLocaleString("en")}</td>
              <td className="num">{bytes(t.takenBytes)}</td>
              <td className="num">
                <Dropped reasons={t.refused} />
              </td>
            </tr>
          ))}
        </tbody>
      </TableScroll>
    </>
  );
}
