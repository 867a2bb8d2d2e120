import { useEffect, useState } from "react";
import type { TraceFilter } from "../api/queries";
import { FilterInput } from "../search/FilterInput";
import { PeriodSelect, ServiceSelect } from "../search/Selects";
import { isDuration } from "./filter";

const STATUSES = [
  ["", "All"],
  ["error", "Errors"],
  ["ok", "OK"],
] as const;

interface Props {
  filter: TraceFilter;
  set: (change: TraceFilter) => void;
  error: unknown; // of the answer
}

/** What is searched for. Whoever changes it drops what was selected of the old result. */
export function TraceFilters({ filter, set, error }: Props) {
  const ask = (change: TraceFilter) => set({ box: undefined, cmp: undefined, ...change });
  return (
    <div className="filters" role="search">
      <FilterInput of="spans" value={filter.filter ?? ""} error={error} onAsk={(f) => ask({ filter: f || undefined })} />
      <ServiceSelect value={filter.service} set={(service) => ask({ service })} />
      <div className="chips" role="group" aria-label="Status">
        {STATUSES.map(([value, name]) => (
          <button key={name} type="button" className="chip" aria-pressed={(filter.status ?? "") === value} onClick={() => ask({ status: value || undefined })}>
            {name}
          </button>
        ))}
      </div>
      <DurationFilter name="Longer than" value={filter.min ?? ""} set={(min) => ask({ min: min || undefined })} />
      <DurationFilter name="Shorter than" value={filter.max ?? ""} set={(max) => ask({ max: max || undefined })} />
      <PeriodSelect value={filter} set={ask} />
    </div>
  );
}

function DurationFilter({ name, value, set }: { name: string; value: string; set: (v: string) => void }) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const good = text === "" || isDuration(text);
  const commit = () => good && text !== value && set(text);
  return (
    <input
      className="input traces-duration"
      aria-label={name}
      aria-invalid={!good}
      title="A duration such as 250ms or 1.5s"
      placeholder={name === "Longer than" ? "> 100ms" : "< 2s"}
      value={text}
      onChange={(e) => setText(e.target.value.trim())}
      onBlur={commit}
      onKeyDown={(e) => e.key === "Enter" && commit()}
    />
  );
}
