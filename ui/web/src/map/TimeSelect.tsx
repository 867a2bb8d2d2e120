import { time } from "../format";

const agos = [
  [60, "1 min ago"],
  [5 * 60, "5 min ago"],
  [15 * 60, "15 min ago"],
  [3600, "1 h ago"],
  [6 * 3600, "6 h ago"],
  [24 * 3600, "1 day ago"],
] as const;

/** Now, or a moment in the past. The choice becomes a time, so that a link keeps showing the same. */
export function TimeSelect({ at, onChange }: { at: string | undefined; onChange: (at: string | undefined) => void }) {
  return (
    <select
      className="select"
      aria-label="Time"
      value={at ?? ""}
      onChange={(e) => onChange(e.target.value === "" ? undefined : new Date(Date.now() - Number(e.target.value) * 1000).toISOString())}
    >
      <option value="">Live</option>
      {at && <option value={at}>{time(at)}</option>}
      {agos.map(([seconds, name]) => (
        <option key={seconds} value={seconds}>
          {name}
        </option>
      ))}
    </select>
  );
}
