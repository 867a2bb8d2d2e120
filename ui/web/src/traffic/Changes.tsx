import { useQuery } from "@tanstack/react-query";
import { eventsPage } from "../api/queries";
import { fullTime, time } from "../format";

/** The newest changes of a service's split. */
export function Changes({ service }: { service: string }) {
  const changes = useQuery({ queryKey: ["events", "traffic", service, "newest"], queryFn: ({ signal }) => eventsPage("traffic", service, "", signal) });
  const newest = changes.data?.events.slice(0, 8) ?? [];
  return (
    <section className="split-card" aria-label="Changes">
      <header className="split-head">
        <h2>Changes</h2>
      </header>
      {newest.length === 0 && <p className="diff-none muted">{changes.isPending ? "\u00a0" : "Nobody has changed this split yet."}</p>}
      <ol className="changes">
        {newest.map((e) => (
          <li key={e.id}>
            <time dateTime={e.time} title={fullTime(e.time)}>
              {time(e.time)}
            </time>
            <span>{e.summary}</span>
            <span className="faint">{e.by}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}
