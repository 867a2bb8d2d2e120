import { useQuery } from "@tanstack/react-query";
import { servicesQuery } from "../api/queries";
import { time } from "../format";
import { isAbsolute, RANGES, type PeriodChoice } from "./period";

/** All services, or one. One that is not there any more stays chosen. */
export function ServiceSelect({ value, set }: { value: string | undefined; set: (service: string | undefined) => void }) {
  const services = useQuery(servicesQuery);
  const names = services.data?.services.map((s) => s.id).filter((id) => id !== "outside") ?? [];
  if (value && !names.includes(value)) names.push(value);
  return (
    <select className="select" aria-label="Service" value={value ?? ""} onChange={(e) => set(e.target.value || undefined)}>
      <option value="">All services</option>
      {names.map((n) => (
        <option key={n}>{n}</option>
      ))}
    </select>
  );
}

/** A range that ends now; two times that were chosen on a chart are an entry of their own. */
export function PeriodSelect({ value, set }: { value: PeriodChoice; set: (c: PeriodChoice) => void }) {
  const fixed = isAbsolute(value);
  return (
    <select
      className="select"
      aria-label="Period"
      value={fixed ? "fixed" : (value.range ?? "1h")}
      onChange={(e) => set({ range: e.target.value === "1h" ? undefined : e.target.value, from: undefined, to: undefined })}
    >
      {fixed && (
        <option value="fixed">
          {time(value.from)} – {time(value.to)}
        </option>
      )}
      {Object.entries(RANGES).map(([v, r]) => (
        <option key={v} value={v}>
          {r.name}
        </option>
      ))}
    </select>
  );
}
