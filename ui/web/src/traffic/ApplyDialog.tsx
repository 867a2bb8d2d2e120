import type { Traffic, Weights } from "../api/traffic";
import { rate } from "../format";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { diff } from "./diff";
import { DiffView } from "./DiffView";
import { preview } from "./manifest";

interface Props {
  traffic: Traffic;
  before: Weights | undefined; // nothing was asked for
  after: Weights;
  rps: number;
  busy: boolean;
  onApply: () => void;
  onClose: () => void;
}

/** Says what a shift will do before it is done. */
export function ApplyDialog({ traffic, before, after, rps, busy, onApply, onClose }: Props) {
  return (
    <Dialog
      wide
      title={`Shift traffic of ${traffic.service}?`}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" busy={busy} onClick={onApply}>
            Shift traffic
          </Button>
        </>
      }
    >
      <table className="small-table">
        <thead>
          <tr>
            <th>Version</th>
            <th className="num">Now</th>
            <th className="num">Then</th>
            <th className="num">At the present rate</th>
          </tr>
        </thead>
        <tbody>
          {Object.keys(after).map((v) => (
            <tr key={v}>
              <td>{v}</td>
              <td className="num">{before ? `${before[v] ?? 0}\u202f%` : "–"}</td>
              <td className="num">
                <b>{after[v]}&#8239;%</b>
              </td>
              <td className="num">{rate((rps * (after[v] ?? 0)) / 100)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <DiffView lines={diff(traffic.manifest, preview(traffic, after))} />
      <p className="muted">Every sidecar that calls this service follows within a second. Undo brings the present split back.</p>
    </Dialog>
  );
}
