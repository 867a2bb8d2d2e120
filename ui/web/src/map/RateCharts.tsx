import { useMemo } from "react";
import { emptySamples, type Samples } from "../api/history";
import type { Point } from "../api/service";
import { compact, ms } from "../format";
import { Chart } from "../ui/Chart";

/** A series as columns. */
export function samplesOf(points: readonly Point[] | undefined): Samples {
  const s = emptySamples();
  for (const p of points ?? []) {
    s.t.push(Date.parse(p.time) / 1000);
    s.rps.push(p.rps);
    s.failed.push(p.failedPerSecond);
    s.p50.push(p.p50);
    s.p95.push(p.p95);
    s.p99.push(p.p99);
  }
  return s;
}

const perSecond = (v: number) => `${compact(v)}/s`;

/** Requests, failures and latency over time. */
export function RateCharts({ samples }: { samples: Samples }) {
  const rates = useMemo(
    () => [
      { label: "requests", color: "--chart-1", values: samples.rps, fill: true },
      { label: "failed", color: "--bad-mark", values: samples.failed, fill: true },
    ],
    [samples],
  );
  const latency = useMemo(
    () => [
      { label: "p50", color: "--chart-2", values: samples.p50 },
      { label: "p95", color: "--chart-1", values: samples.p95 },
      { label: "p99", color: "--chart-3", values: samples.p99 },
    ],
    [samples],
  );
  return (
    <>
      <Chart title="Requests" times={samples.t} lines={rates} format={perSecond} />
      <Chart title="Latency" times={samples.t} lines={latency} format={ms} />
    </>
  );
}
