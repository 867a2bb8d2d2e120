import type { StoreState } from "../api/pipeline";
import { bytes, time } from "../format";
import { Icon } from "../ui/Icon";
import { TableScroll } from "./TableScroll";

function size({ bytes: all, cold }: StoreState): string {
  if (all === 0) return "Not measured yet: it is once a minute.";
  return `${bytes(all)} on disk${cold ? `, ${bytes(cold.bytes)} of it on the disk for old days` : ""}.`;
}

/** How large the store is, and what of it can no longer be read. */
export function StoreTable({ store }: { store: StoreState }) {
  return (
    <>
      <h2 className="table-title">Store</h2>
      <p className="table-note">{size(store)}</p>
      {store.cold?.trouble && (
        <p className="note note-warn table-alert" role="status">
          <Icon name="warn" /> <b>Old days do not get to the disk for them, or do not answer there.</b> {store.cold.trouble}
        </p>
      )}
      {store.damaged.length > 0 && (
        <>
          <p className="note note-warn table-alert" role="status">
            <Icon name="warn" /> <b>Some of what was stored is damaged, and in no answer.</b> These files are not what was written: look at the
            disk. They lie in each table’s directory “detached”.
          </p>
          <TableScroll label="Damaged parts">
            <thead>
              <tr>
                <th>Table</th>
                <th>Rows of</th>
                <th className="num">Size</th>
                <th>Set aside</th>
                <th>Directory</th>
              </tr>
            </thead>
            <tbody>
              {store.damaged.map((p) => (
                <tr key={`${p.table}/${p.part}`}>
                  <td>
                    <b>{p.table}</b>
                  </td>
                  <td>{p.day.startsWith("0001") ? "–" : p.day.slice(0, 10)}</td>
                  <td className="num">{p.bytes > 0 ? bytes(p.bytes) : "–"}</td>
                  <td>{time(p.since)}</td>
                  <td>
                    <code>{p.part}</code>
                  </td>
                </tr>
              ))}
            </tbody>
          </TableScroll>
        </>
      )}
    </>
  );
}
