import { useQuery } from "@tanstack/react-query";
import { useRef } from "react";
import { pipelineQuery } from "../api/queries";
import { SAMPLED, type SignalBooks } from "../api/pipeline";
import { compact, rate } from "../format";
import { Page } from "../shell/Page";
import { Badge } from "../ui/Badge";
import { ErrorState, Skeleton, State } from "../ui/State";
import { Dropped, droppedOf } from "./Dropped";
import { SentTable } from "./SentTable";
import { StoreTable } from "./StoreTable";
import { TableScroll } from "./TableScroll";
import { TenantsTable } from "./TenantsTable";

export default function PipelinePage() {
  const pipeline = useQuery(pipelineQuery);
  const rates = useRates(pipeline.data?.signals, pipeline.dataUpdatedAt);
  const trouble = pipeline.data?.signals.find((s) => s.trouble)?.trouble;
  return (
    <Page title="Pipeline" note="what the collector received, and what became of it since its start">
      {pipeline.isPending && <Skeleton label="The books are loading" />}
      {pipeline.isError && <ErrorState error={pipeline.error} retry={() => void pipeline.refetch()} />}
      {pipeline.data?.signals.length === 0 && (
        <State icon="pipeline" title="No telemetry yet">
          Spans, access logs and metrics will be counted here as they come.
        </State>
      )}
      {trouble && (
        <State icon="warn" tone="bad" title="Telemetry is refused; its senders keep it and come again">
          {trouble}
        </State>
      )}
      {pipeline.data && pipeline.data.signals.length > 0 && (
        <TableScroll label="Signals">
            <thead>
              <tr>
                <th>Signal</th>
                <th className="num">Received</th>
                <th className="num">Now</th>
                <th className="num">Queued</th>
                <th className="num">Stored</th>
                <th className="num" title="Ordinary traces beyond the budget: a decision, no loss">
                  Left out
                </th>
                <th className="num">Dropped</th>
                <th className="num">Refused</th>
                <th>Books</th>
              </tr>
            </thead>
            <tbody>
              {pipeline.data.signals.map((s) => (
                <Row key={s.signal} books={s} perSecond={rates.get(s.signal)} />
              ))}
            </tbody>
          </TableScroll>
      )}
      {pipeline.data && <SentTable signals={pipeline.data.signals} />}
      {pipeline.data && <TenantsTable tenants={pipeline.data.tenants} />}
      {pipeline.data && <StoreTable store={pipeline.data.store} />}
    </Page>
  );
}

function Row({ books: b, perSecond }: { books: SignalBooks; perSecond: number | undefined }) {
  const sampled = b.dropped?.[SAMPLED] ?? 0;
  const dropped = { ...b.dropped, [SAMPLED]: 0 };
  const missing = b.received - b.stored - b.queued - sampled - droppedOf(dropped);
  const whole = missing === 0;
  return (
    <tr>
      <td>
        <b>{b.signal}</b> <span className="faint">{b.unit}</span>
      </td>
      <td className="num">{b.received.toLocaleString("en")}</td>
      <td className="num">{perSecond === undefined ? "–" : rate(perSecond)}</td>
      <td className="num">{b.queued.toLocaleString("en")}</td>
      <td className="num">{b.stored.toLocaleString("en")}</td>
      <td className="num">{sampled.toLocaleString("en")}</td>
      <td className="num">
        <Dropped reasons={dropped} />
      </td>
      <td className="num">{b.refused.toLocaleString("en")}</td>
      <td>
        <Badge tone={whole ? "good" : "warn"} icon={whole ? "check" : "warn"}>
          {whole ? "balance" : `${compact(Math.abs(missing))} on the way`}
        </Badge>
      </td>
    </tr>
  );
}

/** How many of each signal came per second, between this answer and the one before. */
function useRates(signals: readonly SignalBooks[] | undefined, at: number): Map<string, number> {
  const last = useRef<{ at: number; counts: Map<string, number>; rates: Map<string, number> }>({ at: 0, counts: new Map(), rates: new Map() });
  if (signals && at > last.current.at) {
    const seconds = (at - last.current.at) / 1000;
    const rates = new Map<string, number>();
    for (const s of signals) {
      const before = last.current.counts.get(s.signal);
      if (before !== undefined && last.current.at > 0) rates.set(s.signal, Math.max(0, s.received - before) / seconds);
    }
    last.current = { at, counts: new Map(signals.map((s) => [s.signal, s.received])), rates };
  }
  return last.current.rates;
}
