import { time } from "../format";

/** That spans are still being counted, and which are shown meanwhile. */
export function Counting({ since }: { since: string | undefined }) {
  return (
    <span className="heatmap-counting" role="status">
      <i aria-hidden="true" /> Counting{since ? `; shown is what began after ${time(since)}` : "…"}
    </span>
  );
}
