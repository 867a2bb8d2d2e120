import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { PLACES } from "./shortcuts";

const others: [string, string][] = [
  ["/", "Search on this page"],
  ["Esc", "Close a panel or a dialog"],
  ["+ −", "Zoom the map"],
  ["0", "Fit the map"],
  ["↑ ↓", "Move through the rows of a trace"],
  ["?", "This help"],
];

export function Help({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose} actions={<Button onClick={onClose}>Close</Button>}>
      <dl className="help">
        {Object.entries(PLACES).map(([key, place]) => (
          <div key={key}>
            <dt>
              <kbd>g</kbd> <kbd>{key}</kbd>
            </dt>
            <dd>{place.name}</dd>
          </div>
        ))}
        {others.map(([keys, what]) => (
          <div key={keys}>
            <dt>
              {keys.split(" ").map((k) => (
                <kbd key={k}>{k}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
