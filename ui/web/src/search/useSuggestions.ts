import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { keysQuery, valuesQuery, type Completion, type Source } from "../api/search";
import { compact } from "../format";
import { JOINTS, OPERATORS, placeOf, type Place } from "./complete";
import { quoted, spelledKey, spelledValue } from "./filterText";

export interface Suggestion {
  text: string; // as it stands in the filter
  about: string;
}

const PAUSE = 120; // ms of no typing before the store is asked

/** What may stand where the caret is, and where it would. */
export function useSuggestions(of: Source, head: string, open: boolean): { place: Place; all: Suggestion[] } {
  const place = placeOf(head);
  const asked = useRested(place.typed, PAUSE);
  const keys = useQuery({ ...keysQuery(of, asked), enabled: open && place.want === "key" });
  const values = useQuery({ ...valuesQuery(of, place.key ?? "", asked), enabled: open && place.want === "value" && Boolean(place.key) });
  return { place, all: open ? listed(place, keys.data?.completions ?? [], values.data?.completions ?? []) : [] };
}

function listed(place: Place, keys: Completion[], values: Completion[]): Suggestion[] {
  const typed = place.typed.toLowerCase();
  const first = <S extends Suggestion>(all: S[]) => all.sort((a, b) => Number(b.text.toLowerCase().startsWith(typed)) - Number(a.text.toLowerCase().startsWith(typed)));
  const begins = ([text]: readonly [string, string]) => text.toLowerCase().startsWith(typed);
  const seen = (n: number) => (n > 0 ? `seen ${compact(n)}×` : "");
  switch (place.want) {
    case "operator":
      return OPERATORS.filter(begins).map(([text, about]) => ({ text, about }));
    case "joint":
      return JOINTS.filter(begins).map(([text, about]) => ({ text, about }));
    case "value":
      return first(values.filter((v) => v.text.toLowerCase().includes(typed)).map((v) => ({ text: spelledValue(v.text), about: seen(v.seen) })));
  }
  const found = keys.filter((k) => k.text.toLowerCase().includes(typed)).map((k) => ({ text: spelledKey(k.text), about: seen(k.seen) }));
  return place.typed === "" ? found : [...found, { text: quoted(place.typed), about: "wherever there is text" }];
}

function useRested(value: string, pause: number): string {
  const [rested, setRested] = useState(value);
  useEffect(() => {
    const t = setTimeout(() => setRested(value), pause);
    return () => clearTimeout(t);
  }, [value, pause]);
  return rested;
}
