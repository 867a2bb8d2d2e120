import { useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useState } from "react";
import { api } from "../api/fetch";
import { recentGraphQuery, sessionQuery, trafficQuery } from "../api/queries";
import { allows } from "../api/session";
import type { Traffic, Weights } from "../api/traffic";
import { rate, time } from "../format";
import { Page } from "../shell/Page";
import { Button } from "../ui/Button";
import { ErrorState, Skeleton, State } from "../ui/State";
import { toast } from "../ui/toast";
import { ApplyDialog } from "./ApplyDialog";
import { Changes } from "./Changes";
import { diff } from "./diff";
import { DiffView } from "./DiffView";
import { preview } from "./manifest";
import { VersionSlider } from "./VersionSlider";
import { inWords, isWeighted, same, sharesOf, withShare } from "./weights";
import "./traffic.css";

const route = getRouteApi("/traffic/$service");

export default function TrafficPage() {
  const { service } = route.useParams();
  const traffic = useQuery(trafficQuery(service));
  return (
    <Page
      title={service}
      note={
        <Link to="/traffic" className="link">
          Traffic
        </Link>
      }
    >
      {traffic.isPending && <Skeleton rows={8} label="The split is loading" />}
      {traffic.isError && <ErrorState error={traffic.error} retry={() => void traffic.refetch()} />}
      {traffic.data && <Split key={service} traffic={traffic.data} />}
    </Page>
  );
}

function Split({ traffic }: { traffic: Traffic }) {
  const asked = sharesOf(traffic);
  const weighted = isWeighted(traffic);
  const [draft, setDraft] = useState<Weights>();
  const [confirming, setConfirming] = useState(false);
  const { send, busy } = useSend(traffic.service);
  const { data: user } = useQuery(sessionQuery);
  const may = allows(user, "operator");
  const recent = useQuery(recentGraphQuery);
  const node = recent.data?.nodes.find((n) => n.id === traffic.service);
  const shown = draft ?? asked;
  const changed = draft !== undefined && !(weighted && same(draft, asked));
  const versions = Object.keys(asked);
  const actual = (v: string) => {
    const seen = node?.versions?.find((x) => x.version === v);
    return { share: node && node.rps > 0 ? (seen?.rps ?? 0) / node.rps : undefined, breaker: seen?.breaker ?? "admitting", errors: seen?.errorShare ?? 0 };
  };

  const undo = async () => {
    if (await send(`traffic/${traffic.service}/undo`, "POST", undefined, (now) => `Taken back to ${inWords(now.weights)}.`)) setDraft(undefined);
  };
  const apply = async () => {
    if (!draft) return;
    const ok = await send(`traffic/${traffic.service}`, "PUT", draft, () => `${traffic.service} is split ${inWords(draft)}.`, () => void undo());
    setConfirming(false);
    if (ok) setDraft(undefined);
  };

  if (versions.length === 0) {
    return (
      <State icon="traffic" title="No version to split">
        {traffic.service} has no instance now.
      </State>
    );
  }
  return (
    <div className="split-page">
      <section className="split-card" aria-label="Versions">
        <header className="split-head">
          <div>
            <h2>{weighted ? traffic.source : "Default: the balancer takes who answers soonest"}</h2>
            <p className="muted">
              <span className="split-rate">{node ? rate(node.rps) : "–"}</span>
              {traffic.changed ? `changed ${time(traffic.changed)}` : "no weights were asked for"}
              {traffic.matches && " · routes with conditions stand before this split"}
            </p>
          </div>
          <Button icon="undo" disabled={!traffic.canUndo || !may || busy} title={traffic.canUndo ? `Back to ${inWords(traffic.undo)}` : "There is nothing to take back"} onClick={() => void undo()}>
            Undo
          </Button>
        </header>
        <div className="split-legend" aria-hidden="true">
          <span data-bar="requested">requested</span>
          <span data-bar="actual">actual, last 10 s</span>
        </div>
        {versions.map((v) => (
          <VersionSlider
            key={v}
            version={v}
            requested={shown[v] ?? 0}
            asked={weighted || draft !== undefined}
            actual={actual(v)}
            changed={(shown[v] ?? 0) !== (asked[v] ?? 0)}
            disabled={!may || versions.length < 2}
            onChange={(percent) => setDraft(withShare(shown, v, percent))}
          />
        ))}
        <footer className="split-foot">
          <span className="muted">{!may ? "Shifting traffic needs the role operator." : versions.length < 2 ? "There is only one version." : changed ? `${weighted ? inWords(asked) : "no weights"}  →  ${inWords(draft)}` : "Move a slider or press a button."}</span>
          <Button disabled={!changed} onClick={() => setDraft(undefined)}>
            Reset
          </Button>
          <Button look="primary" disabled={!changed || !may} onClick={() => setConfirming(true)}>
            Apply…
          </Button>
        </footer>
      </section>
      <div className="split-side">
        <section className="split-card" aria-label="Manifest">
          <header className="split-head">
            <h2>{changed ? "What would change" : "In force"}</h2>
          </header>
          <DiffView lines={diff(traffic.manifest, changed ? preview(traffic, shown) : traffic.manifest)} />
        </section>
        <Changes service={traffic.service} />
      </div>
      {confirming && draft && <ApplyDialog traffic={traffic} before={weighted ? asked : undefined} after={draft} rps={node?.rps ?? 0} busy={busy} onApply={() => void apply()} onClose={() => setConfirming(false)} />}
    </div>
  );
}

/** Sends a change of the split, takes the answer as the new state, and says how it went. */
function useSend(service: string) {
  const client = useQueryClient();
  const [busy, setBusy] = useState(false);
  async function send(path: string, method: "PUT" | "POST", body: Weights | undefined, done: (now: Traffic) => string, undo?: () => void): Promise<boolean> {
    setBusy(true);
    try {
      const now = await api<Traffic>(path, { method, body });
      client.setQueryData(["traffic", service], now);
      void client.invalidateQueries({ queryKey: ["events"] });
      toast(done(now), "good", undo && { label: "Undo", run: undo });
      return true;
    } catch (e) {
      toast(e instanceof Error ? e.message : String(e), "bad");
      return false;
    } finally {
      setBusy(false);
    }
  }
  return { send, busy };
}
