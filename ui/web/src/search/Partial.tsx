import { Icon } from "../ui/Icon";

/** That an answer is not all there is, and why. */
export function Partial({ what, why }: { what: string; why: string | undefined }) {
  if (!why) return null;
  return (
    <p className="note note-warn partial" role="status">
      <Icon name="warn" /> <b>{what}</b> {why}.
    </p>
  );
}
