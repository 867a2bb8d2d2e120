import { Slider } from "radix-ui";
import type { Breaker } from "../api/graph";
import { share } from "../format";
import { Badge, BreakerBadge } from "../ui/Badge";

const STEPS = [0, 1, 5, 10, 25, 50, 100];

interface Props {
  version: string;
  requested: number; // percent
  asked: boolean; // false: nobody did, and the percent is only where a change would start
  actual: { share: number | undefined; breaker: Breaker; errors: number };
  changed: boolean;
  disabled: boolean;
  onChange: (percent: number) => void;
}

/** One version: what it was asked to get, what it gets, and how to change it. */
export function VersionSlider({ version, requested, asked, actual, changed, disabled, onChange }: Props) {
  return (
    <div className="version" role="group" aria-label={version} data-version={version}>
      <div className="version-head">
        <b>{version}</b>
        {actual.breaker !== "admitting" && <BreakerBadge breaker={actual.breaker} />}
        {(actual.share ?? 0) > 0 && actual.errors >= 0.001 && <Badge tone={actual.errors >= 0.1 ? "bad" : "warn"}>{share(actual.errors)} failed</Badge>}
        <span className="version-shares">
          <span data-bar="requested" data-changed={changed || undefined}>
            <span className="visually-hidden">requested </span>
            {asked ? `${requested}\u202f%` : "–"}
          </span>
          <span data-bar="actual">
            <span className="visually-hidden">actual </span>
            {actual.share === undefined ? "–" : share(actual.share)}
          </span>
        </span>
      </div>
      <Slider.Root className="slider" data-unasked={!asked || undefined} value={[requested]} max={100} step={1} disabled={disabled} onValueChange={([v]) => onChange(v ?? 0)}>
        <Slider.Track className="slider-track">
          <Slider.Range className="slider-range" />
        </Slider.Track>
        <Slider.Thumb className="slider-thumb" aria-label={`Share of ${version} in percent`} />
      </Slider.Root>
      <div className="version-actual" aria-hidden="true">
        <span style={{ width: `${(actual.share ?? 0) * 100}%` }} />
      </div>
      <div className="version-steps">
        {STEPS.map((s) => (
          <button key={s} type="button" className="chip" aria-pressed={asked && requested === s} disabled={disabled} aria-label={`${version} ${s} %`} onClick={() => onChange(s)}>
            {s}
          </button>
        ))}
      </div>
    </div>
  );
}
