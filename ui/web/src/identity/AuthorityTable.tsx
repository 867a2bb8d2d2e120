import type { Authority, AuthorityCertificate } from "../api/identity";
import { fullTime } from "../format";
import { TableScroll } from "../status/TableScroll";
import { Badge, type Tone } from "../ui/Badge";
import { lifeLeft, short } from "./urgency";

const roles: Record<string, { tone: Tone; words: string }> = {
  active: { tone: "good", words: "root, active" },
  incoming: { tone: "accent", words: "root, comes" },
  retiring: { tone: "warn", words: "root, retires" },
  trusted: { tone: "plain", words: "root, trusted" },
  signing: { tone: "plain", words: "signs workloads" },
};

const dated = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });

/** The authority's certificates. Two roots side by side are a rotation. */
export function AuthorityTable({ authority: a }: { authority: Authority }) {
  const roots = a.roots ?? [];
  return (
    <section aria-label="Authority">
      <h2 className="table-title">
        Authority <span className="faint">{roots.length > 1 ? `${roots.length} roots are trusted side by side` : a.own ? "the mesh's own" : "supplied"}</span>
      </h2>
      <TableScroll label="Certificates of the authority">
        <thead>
          <tr>
            <th>What</th>
            <th>Life</th>
            <th>Fingerprint (SHA-256)</th>
            <th>Subject</th>
            <th>From</th>
            <th>Until</th>
          </tr>
        </thead>
        <tbody>
          {roots.map((r) => (
            <Row key={r.fingerprint} of={r} role={r.role ?? "trusted"} />
          ))}
          {!roots.some((r) => r.fingerprint === a.signing.fingerprint) && <Row of={a.signing} role="signing" />}
        </tbody>
      </TableScroll>
    </section>
  );
}

function Row({ of: c, role }: { of: AuthorityCertificate; role: string }) {
  const r = roles[role]!;
  const life = lifeLeft(c, Date.now());
  return (
    <tr>
      <td>
        <Badge tone={r.tone}>{r.words}</Badge>
      </td>
      <td>
        <Badge tone={life.tone} icon={life.icon}>
          {life.words}
        </Badge>
      </td>
      <td>
        <code title={c.fingerprint}>{short(c.fingerprint)}…</code>
      </td>
      <td className="clip identity-subject" title={`${c.subject}, serial ${c.serial}`}>
        {c.subject}
      </td>
      <td title={c.begins && fullTime(c.begins)}>{c.begins ? dated.format(new Date(c.begins)) : "–"}</td>
      <td title={fullTime(c.expires)}>{dated.format(new Date(c.expires))}</td>
    </tr>
  );
}
