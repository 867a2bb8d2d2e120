import { useQuery } from "@tanstack/react-query";
import { useEffect, useState, useSyncExternalStore } from "react";
import { heatmapQuery, newestHeatmapQuery, type Asked } from "../api/search";

/** How long a count may take until its newest part is asked for and shown meanwhile, in ms. */
const SOON = 400;

/**
 * The heatmap of a search. While a long one is counted it is that of the newest part, and
 * where there is none either, the one before.
 */
export function useHeatmap(search: Asked, columns: number) {
  const whole = useQuery(heatmapQuery(search, columns));
  const counting = useLate(whole.isFetching);
  const newest = useQuery({ ...newestHeatmapQuery(search, columns), enabled: counting });
  const waits = whole.isPlaceholderData || !whole.data;
  const heat = waits && !whole.isError && newest.data ? newest : whole;
  return { heat, counting: counting && waits };
}

/** Whether something has been so for a while. */
function useLate(on: boolean): boolean {
  const [late, setLate] = useState(false);
  useEffect(() => {
    setLate(false);
    if (!on) return;
    const timer = setTimeout(() => setLate(true), SOON);
    return () => clearTimeout(timer);
  }, [on]);
  return on && late;
}

const narrow = "(width < 720px)";

/** How many columns there is room for: on a phone a finger has to find one. */
export function useColumns(): number {
  const phone = useSyncExternalStore(
    (changed) => {
      const m = matchMedia(narrow);
      m.addEventListener("change", changed);
      return () => m.removeEventListener("change", changed);
    },
    () => matchMedia(narrow).matches,
  );
  return phone ? 30 : 60;
}
