import { useEffect, useId, useRef, useState, type KeyboardEvent } from "react";
import { Problem } from "../api/fetch";
import type { Source } from "../api/search";
import { Button } from "../ui/Button";
import { Icon } from "../ui/Icon";
import { FilterHelp } from "./FilterHelp";
import { cutAt, indexOfByte } from "./filterText";
import "./search.css";
import { useSuggestions, type Suggestion } from "./useSuggestions";

interface Props {
  of: Source;
  value: string;
  onAsk: (filter: string) => void; // Enter was pressed, or the input left
  error?: unknown; // of the answer: what is about the filter is shown at its place
}

/** The place that an answer complains of, if it is one in the filter. */
export function mistakeOf(error: unknown): { at: number; message: string } | undefined {
  if (!(error instanceof Problem)) return undefined;
  const of = error.errors.find((e) => e.field === "filter");
  return of && { at: of.at ?? 1, message: of.message };
}

/** The one input for the filter language: completed while one types, asked for on Enter. */
export function FilterInput({ of, value, onAsk, error }: Props) {
  const [text, setText] = useState(value);
  const [caret, setCaret] = useState(value.length);
  const [open, setOpen] = useState(false);
  const [chosen, setChosen] = useState(-1);
  const [help, setHelp] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const id = useId();
  useEffect(() => setText(value), [value]);
  const { place, all } = useSuggestions(of, text.slice(0, caret), open);
  const mistake = text === value ? mistakeOf(error) : undefined;
  const at = Math.min(chosen, all.length - 1);

  const change = (next: string, caretAt: number, showing: boolean) => {
    setText(next);
    setCaret(caretAt);
    setOpen(showing);
    setChosen(-1);
  };
  const take = (s: Suggestion) => {
    const rest = text.slice(caret).replace(/^[^\s()=<>!~]*\s*/, "");
    const head = `${text.slice(0, place.from)}${s.text} `;
    change(head + rest, head.length, true);
    requestAnimationFrame(() => input.current?.setSelectionRange(head.length, head.length));
  };
  const ask = () => {
    setOpen(false);
    if (text.trim() !== value) onAsk(text.trim());
  };
  const onKey = (e: KeyboardEvent) => {
    if (e.key === "ArrowDown" || e.key === "ArrowUp") {
      setOpen(true);
      const n = all.length;
      setChosen(n === 0 ? -1 : (at + (e.key === "ArrowDown" ? 1 : at < 0 ? n : n - 1)) % n);
    } else if ((e.key === "Enter" || e.key === "Tab") && open && all[at]) {
      take(all[at]);
    } else if (e.key === "Enter") {
      ask();
      return;
    } else if (e.key === "Escape" && open) {
      setOpen(false);
    } else {
      return;
    }
    e.preventDefault();
    e.stopPropagation();
  };

  return (
    <div className="filter">
      <div className="search filter-box">
        <Icon name="search" />
        <input
          ref={input}
          className="input mono"
          data-search
          role="combobox"
          aria-label="Filter"
          aria-autocomplete="list"
          aria-expanded={open && all.length > 0}
          aria-controls={`${id}-list`}
          aria-activedescendant={at >= 0 ? `${id}-${at}` : undefined}
          aria-invalid={Boolean(mistake)}
          aria-describedby={mistake ? `${id}-error` : undefined}
          autoComplete="off"
          autoCapitalize="off"
          spellCheck={false}
          placeholder={of === "spans" ? 'service = cart AND duration > 250ms' : 'severity = ERROR AND "timed out"'}
          value={text}
          onChange={(e) => change(e.target.value, e.target.selectionStart ?? e.target.value.length, true)}
          onSelect={(e) => setCaret(e.currentTarget.selectionStart ?? text.length)}
          onClick={() => setOpen(true)}
          onKeyDown={onKey}
          onBlur={ask}
        />
        {text === "" ? (
          <kbd aria-hidden="true">/</kbd>
        ) : (
          <Button className="filter-clear" look="quiet" small icon="close" aria-label="Clear the filter" onClick={() => (change("", 0, false), onAsk(""))} />
        )}
        <ul id={`${id}-list`} className="filter-list" role="listbox" aria-label="Completions" hidden={!open || all.length === 0}>
          {all.map((s, i) => (
            // The input keeps the focus; pointers choose before it is left.
            <li key={s.text} id={`${id}-${i}`} role="option" aria-selected={i === at} onPointerDown={(e) => (e.preventDefault(), take(s))}>
              <code>{s.text}</code>
              <span>{s.about}</span>
            </li>
          ))}
        </ul>
      </div>
      <Button look="quiet" icon="help" aria-label="About filters" onClick={() => setHelp(true)} />
      {mistake && <Mistake id={`${id}-error`} text={value} mistake={mistake} go={() => goTo(input.current, indexOfByte(value, mistake.at))} />}
      {help && <FilterHelp of={of} onClose={() => setHelp(false)} />}
    </div>
  );
}

function goTo(input: HTMLInputElement | null, index: number) {
  input?.focus();
  input?.setSelectionRange(index, index);
}

/** The filter with its mistake marked, and what would be right. */
function Mistake({ id, text, mistake, go }: { id: string; text: string; mistake: { at: number; message: string }; go: () => void }) {
  const [before, wrong, after] = cutAt(text, mistake.at);
  return (
    <div className="filter-mistake" role="alert" id={id}>
      <button type="button" onClick={go} aria-label="Go to the mistake" title="Go to the mistake">
        <code>
          {before}
          <mark>{wrong || "\u00a0"}</mark>
          {after}
        </code>
      </button>
      <p>
        <Icon name="fail" size={14} /> At character {[...before].length + 1}: {mistake.message}
      </p>
    </div>
  );
}
