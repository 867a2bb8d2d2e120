import { useQuery } from "@tanstack/react-query";
import { deltasQuery, type Asked, type DeltaKey, type DeltaValue } from "../api/search";
import { compact, share } from "../format";
import { Partial } from "../search/Partial";
import { Button } from "../ui/Button";
import { ErrorState, Skeleton, State } from "../ui/State";

interface Props {
  search: Asked;
  selected: Asked;
  name: string; // "errors"
  onClose: () => void;
  onAdd: (filter: string) => void;
}

/** Which attributes the selected spans have and the others have not. */
export function DeltaPanel({ search, selected, name, onClose, onAdd }: Props) {
  const deltas = useQuery(deltasQuery(search, selected));
  const d = deltas.data;
  return (
    <section className="deltas" aria-label="What is different">
      <header>
        <h2>What is different about {name}?</h2>
        {d && (
          <span className="muted">
            <i className="deltas-key" data-set="inside" /> {name}: {compact(d.inside)} <i className="deltas-key" /> the rest: {compact(d.outside)}
            {d.lookedInside + d.lookedOutside < d.inside + d.outside && d.lookedOutside > 0 && ` · looked at ${compact(d.lookedInside)} and ${compact(d.lookedOutside)} of them`}
          </span>
        )}
        <Button look="quiet" small icon="close" aria-label="Close the comparison" onClick={onClose} />
      </header>
      {deltas.isPending && <Skeleton rows={4} label="Spans are compared" />}
      {deltas.isError && <ErrorState error={deltas.error} retry={() => void deltas.refetch()} />}
      <Partial what="Not all spans were compared:" why={d?.partial} />
      {d && d.keys.length === 0 && <NoDifference inside={d.inside} outside={d.outside} name={name} />}
      {d && d.keys.length > 0 && (
        <ol className="deltas-keys" tabIndex={0} aria-label="Attributes that differ">
          {d.keys.map((k) => (
            <Key key={k.key} of={k} inside={d.lookedInside} outside={d.lookedOutside} onAdd={onAdd} />
          ))}
        </ol>
      )}
    </section>
  );
}

function NoDifference({ inside, outside, name }: { inside: number; outside: number; name: string }) {
  if (inside === 0 || outside === 0) {
    return (
      <State icon="search" title="Nothing to compare">
        {inside === 0 ? `Of this search, no span is among ${name}.` : `Of this search, every span is among ${name}.`}
      </State>
    );
  }
  return (
    <State icon="check" title="Nothing stands out">
      No attribute differs by more than chance explains.
    </State>
  );
}

function Key({ of, inside, outside, onAdd }: { of: DeltaKey; inside: number; outside: number; onAdd: (filter: string) => void }) {
  const presence: DeltaValue = { value: "is there", inside: of.inside, outside: of.outside, filter: "" };
  const more = (v: DeltaValue) => v.inside / Math.max(inside, 1) - v.outside / Math.max(outside, 1);
  const values = of.values.length > 0 ? [...of.values].sort((a, b) => more(b) - more(a)) : [presence]; // what these have more of first
  return (
    <li className="delta">
      <h3 className="clip" title={of.key}>
        <code>{of.key}</code>
      </h3>
      <ul>
        {values.map((v) => (
          <Value key={v.value} of={v} inside={inside} outside={outside} onAdd={onAdd} />
        ))}
      </ul>
    </li>
  );
}

function Value({ of, inside, outside, onAdd }: { of: DeltaValue; inside: number; outside: number; onAdd: (filter: string) => void }) {
  const [a, b] = [of.inside / Math.max(inside, 1), of.outside / Math.max(outside, 1)];
  return (
    <li className="delta-value">
      <span className="delta-name">
        <span className="clip" title={of.value}>
          {of.value}
        </span>
        {of.filter && (
          <span className="delta-acts">
            <button type="button" onClick={() => onAdd(of.filter)} aria-label={`Only ${of.filter}`} title={`Only ${of.filter}`}>
              only
            </button>
            <button type="button" onClick={() => onAdd(`NOT ${of.filter}`)} aria-label={`Not ${of.filter}`} title={`Not ${of.filter}`}>
              not
            </button>
          </span>
        )}
      </span>
      <Bar set="inside" part={a} count={of.inside} />
      <Bar set="outside" part={b} count={of.outside} />
    </li>
  );
}

function Bar({ set, part, count }: { set: "inside" | "outside"; part: number; count: number }) {
  return (
    <span className="delta-bar" data-set={set} title={`${count.toLocaleString("en")} spans`}>
      <i>
        <i style={{ width: `${part * 100}%` }} />
      </i>
      <span>{share(part)}</span>
      <span className="faint">{compact(count)}</span>
    </span>
  );
}
