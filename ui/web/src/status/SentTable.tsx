import type { Sent, SignalBooks } from "../api/pipeline";
import { compact } from "../format";
import { Badge } from "../ui/Badge";
import { Dropped } from "./Dropped";
import { TableScroll } from "./TableScroll";

/** What sidecars say they made, beside what of it came. Nothing where none has spoken. */
export function SentTable({ signals }: { signals: readonly SignalBooks[] }) {
  const told = signals.filter((s) => s.sidecars);
  const missing = [...new Set(told.flatMap((s) => s.sidecars?.missing ?? []))];
  if (told.length === 0) return null;
  return (
    <>
      <h2 className="table-title">Made by sidecars</h2>
      <TableScroll label="Made by sidecars">
        <thead>
          <tr>
            <th>Signal</th>
            <th className="num">Made</th>
            <th className="num">Received</th>
            <th className="num">In flight</th>
            <th className="num">Dropped</th>
            <th>Books</th>
          </tr>
        </thead>
        <tbody>
          {told.map((s) => (
            <Row key={s.signal} books={s} sent={s.sidecars!} />
          ))}
        </tbody>
      </TableScroll>
      <p className="table-note faint">
        As sidecars say since the collector first heard of each; apps that send their own are in the table above alone.
        {missing.length > 0 && ` Unaccounted is what ${missing.join(", ")} made, neither dropped nor brought within a minute.`}
      </p>
    </>
  );
}

function Row({ books: b, sent: s }: { books: SignalBooks; sent: Sent }) {
  return (
    <tr>
      <td>
        <b>{b.signal}</b> <span className="faint">{b.unit}</span>
      </td>
      <td className="num">{s.made.toLocaleString("en")}</td>
      <td className="num">
        {s.received.toLocaleString("en")} {s.twice > 0 && <span className="faint">{compact(s.twice)} twice</span>}
      </td>
      <td className="num">{s.inFlight.toLocaleString("en")}</td>
      <td className="num">
        <Dropped reasons={s.dropped} />
      </td>
      <td>
        <Badge tone={s.unaccounted > 0 ? "bad" : "good"} icon={s.unaccounted > 0 ? "warn" : "check"}>
          {s.unaccounted > 0 ? `${compact(s.unaccounted)} unaccounted` : "balance"}
        </Badge>
      </td>
    </tr>
  );
}
