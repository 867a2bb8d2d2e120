import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { analyzeQuery, resourcesQuery, sessionQuery } from "../api/queries";
import { allows } from "../api/session";
import { Badge } from "../ui/Badge";
import { Button } from "../ui/Button";
import { ErrorState, State } from "../ui/State";
import { ApplyManifest } from "./ApplyManifest";
import { ChangeDiff } from "./ChangeDiff";
import { changesOf } from "./documents";
import { draft, type Draft } from "./draft";
import { Findings } from "./Findings";
import { count, worst } from "./remarks";
import { ReplayView } from "./ReplayView";
import { TextArea } from "./TextArea";

const PAUSE = 600; // ms without a key before a manifest is looked at

/** A text as it was when it had not changed for a moment. */
function useSettled(text: string): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const t = setTimeout(() => setSettled(text), PAUSE);
    return () => clearTimeout(t);
  }, [text]);
  return settled;
}

/** Where a manifest is written: it is analyzed as it stands, replayed on demand, and only then applied. */
export function Editor() {
  const [{ text, from }, setDraft] = useState(draft.get);
  const [line, setLine] = useState<{ at: number }>();
  const [confirming, setConfirming] = useState(false);
  const area = useRef<HTMLTextAreaElement>(null);
  const settled = useSettled(text);
  const empty = settled.trim() === "";
  const analysis = useQuery({ ...analyzeQuery(settled), enabled: !empty });
  const stored = useQuery(resourcesQuery);
  const { data: user } = useQuery(sessionQuery);
  const may = allows(user, "admin");
  const findings = empty ? [] : (analysis.data?.findings ?? []);
  const checked = !empty && settled === text && analysis.isSuccess && !analysis.isFetching;
  const bad = worst(findings) === "error";
  const changes = changesOf(settled, stored.data?.resources ?? []);
  const [former, setFormer] = useState(() => draft.former().text !== "");
  const hold = (d: Draft) => {
    setDraft(d);
    draft.set(d);
  };
  const write = (next: string) => hold(next === "" ? { text: "" } : { text: next, from });
  const clear = () => {
    draft.begin({ text: "" });
    setDraft({ text: "" });
    setFormer(draft.former().text !== "");
  };
  const swap = () => {
    setDraft(draft.swap());
    setFormer(draft.former().text !== "");
  };
  const why = !may ? "Applying needs the role admin." : empty ? "Write or paste a manifest." : bad ? "What is wrong keeps it from being applied." : checked ? "" : analysis.isError ? "It could not be checked." : "Checking…";
  return (
    <div className="editor">
      <section className="editor-card" aria-label="Manifest">
        <TextArea ref={area} value={text} onChange={write} findings={settled === text ? findings : []} line={line} />
        <footer className="editor-foot">
          <span className="muted">{why}</span>
          {former && (
            <Button title="What was being written before this is kept until this window is closed." onClick={swap}>
              Bring back the former text
            </Button>
          )}
          <Button disabled={text === ""} onClick={clear}>
            Clear
          </Button>
          <Button look="primary" disabled={!may || !checked || bad} onClick={() => setConfirming(true)}>
            Apply…
          </Button>
        </footer>
      </section>
      <div className="editor-side">
        <section className="editor-card" aria-label="Analysis">
          <header className="card-head">
            <h2>Analysis</h2>
            {!empty && <Verdict busy={analysis.isFetching || settled !== text} words={analysis.isSuccess ? count(findings) || "nothing to say" : ""} tone={bad ? "bad" : findings.length > 0 ? "warn" : "good"} />}
          </header>
          {empty && <State icon="config" title="Nothing to look at yet">What is wrong or odd in it will stand here, with its line, before anything is applied.</State>}
          {!empty && analysis.isError && <ErrorState error={analysis.error} retry={() => void analysis.refetch()} />}
          {findings.length > 0 && <Findings findings={findings} onLine={(at) => setLine({ at })} />}
        </section>
        {!empty && analysis.isSuccess && !bad && <ReplayView key={settled} manifest={settled} />}
        {!empty && changes.length > 0 && (
          <section className="editor-card" aria-label="Changes">
            <header className="card-head">
              <h2>What would change</h2>
            </header>
            <ChangeDiff changes={changes} />
          </section>
        )}
      </div>
      {confirming && <ApplyManifest manifest={settled} from={from} changes={changes} findings={findings} onClose={() => setConfirming(false)} onDone={() => hold({ text: "" })} onRebase={(next) => hold({ text, from: next })} />}
    </div>
  );
}

function Verdict({ busy, words, tone }: { busy: boolean; words: string; tone: "good" | "warn" | "bad" }) {
  if (busy) return <span className="muted" role="status">Checking…</span>;
  if (!words) return null;
  return (
    <span role="status">
      <Badge tone={tone} icon={tone === "good" ? "check" : tone === "bad" ? "fail" : "warn"}>
        {words}
      </Badge>
    </span>
  );
}
