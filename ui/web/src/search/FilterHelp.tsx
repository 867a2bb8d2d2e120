import type { Source } from "../api/search";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { OPERATORS } from "./complete";

const samples: Record<Source, [filter: string, about: string][]> = {
  spans: [
    ["service = cart AND duration > 250ms", "one span of the trace, both of it"],
    ["code >= 500 AND NOT peer = payments", "failed answers, but of payments"],
    ['path =~ "^/api/v[12]/"', "a regular expression (RE2)"],
    ["flags exists AND (route = canary OR version = v2)", "grouped"],
    ['"out of stock"', "the text, in name, path, reason or message"],
  ],
  logs: [
    ["severity = ERROR AND service = cart", "both of one row"],
    ["access = true AND code >= 500", "rows of sidecars: failed requests"],
    ['"timed out"', "the text, in body, path or reason"],
    ["duration > 1s AND NOT path = /health", "slow, but for one path"],
    ["customer exists", "an attribute of the app's own"],
  ],
};

export function FilterHelp({ of, onClose }: { of: Source; onClose: () => void }) {
  return (
    <Dialog title="Filters" onClose={onClose} actions={<Button onClick={onClose}>Close</Button>}>
      <div className="filter-help">
        <p>
          A key, an operator and a value, joined by <code>AND</code>, <code>OR</code> and <code>NOT</code> with parentheses. Any attribute is a key; <code>span.</code> or <code>resource.</code>{" "}
          before it says of which. Values are words, <code>&quot;quoted text&quot;</code>, numbers, durations, <code>true</code> and <code>false</code>.
        </p>
        <dl>
          {samples[of].map(([text, about]) => (
            <div key={text}>
              <dt>
                <code>{text}</code>
              </dt>
              <dd>{about}</dd>
            </div>
          ))}
        </dl>
        <dl className="filter-operators">
          {OPERATORS.map(([op, about]) => (
            <div key={op}>
              <dt>
                <code>{op}</code>
              </dt>
              <dd>{about}</dd>
            </div>
          ))}
        </dl>
        <p className="muted">
          <kbd>↓</kbd> completes, <kbd>Enter</kbd> asks, <kbd>Esc</kbd> closes the list.
        </p>
      </div>
    </Dialog>
  );
}
