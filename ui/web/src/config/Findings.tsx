import type { Finding } from "../api/config";
import { Icon } from "../ui/Icon";
import { looks, sorted } from "./remarks";

/** What there is to say, the worst first. A line leads to where it is written. */
export function Findings({ findings, onLine }: { findings: readonly Finding[]; onLine?: (line: number) => void }) {
  return (
    <ul className="findings" aria-label="Findings">
      {sorted(findings).map((f, i) => (
        <li key={i} className="finding" data-severity={f.severity}>
          <Icon name={looks[f.severity].icon} />
          <div>
            <p>
              <b>{f.severity === "info" ? "remark" : f.severity}</b> <code>{f.code}</code>
              {f.line && onLine ? (
                <button type="button" className="link finding-line" onClick={() => onLine(f.line!)}>
                  line {f.line}
                </button>
              ) : (
                f.line && <span className="faint">line {f.line}</span>
              )}
            </p>
            <p className="finding-message">{f.message}</p>
            <p className="faint finding-where">
              {f.resource}
              {f.path && ` · ${f.path}`}
            </p>
          </div>
        </li>
      ))}
    </ul>
  );
}
