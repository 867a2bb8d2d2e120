import type { Revocation } from "../api/identity";
import { fullTime, span } from "../format";
import { TableScroll } from "../status/TableScroll";

/** What is refused because it was taken back. Each leaves when it says nothing any more. */
export function RevocationTable({ revoked }: { revoked: readonly Revocation[] }) {
  return (
    <section aria-label="Revocations">
      <h2 className="table-title">Revocations</h2>
      {revoked.length === 0 ? (
        <p className="identity-none muted">Nothing is revoked.</p>
      ) : (
        <TableScroll label="Revoked certificates and identities">
          <thead>
            <tr>
              <th>What</th>
              <th>By</th>
              <th>Reason</th>
              <th className="num">Kept for</th>
            </tr>
          </thead>
          <tbody>
            {revoked.map((r) => (
              <tr key={`${r.serial} ${r.identity} ${r.before}`}>
                <td className="wrap">
                  {r.serial ? <code>{r.serial}</code> : r.identity}
                  {!r.serial && r.before && <span className="faint"> issued before {fullTime(r.before)}</span>}
                </td>
                <td>{r.by || "nobody known"}</td>
                <td className="wrap">{r.reason || <span className="faint">none given</span>}</td>
                <td className="num" title={fullTime(r.expires)}>
                  {span(Date.parse(r.expires) - Date.now())}
                </td>
              </tr>
            ))}
          </tbody>
        </TableScroll>
      )}
    </section>
  );
}
