import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { eventsPage } from "../api/queries";
import { fullTime, time } from "../format";

const SHOWN = 8;

/** The newest of the timeline that is about identities. */
export function IdentityEvents() {
  const events = useQuery({ queryKey: ["events", "identity", "newest"], queryFn: ({ signal }) => eventsPage("identity", undefined, "", signal) });
  const newest = events.data?.events.slice(0, SHOWN) ?? [];
  return (
    <section aria-label="Events">
      <h2 className="table-title">
        Events{" "}
        <Link to="/events" search={{ kind: "identity" }} className="link">
          all
        </Link>
      </h2>
      {events.isError && <p className="identity-none muted">They are not known: {events.error.message}</p>}
      {events.isSuccess && newest.length === 0 && <p className="identity-none muted">Nothing has happened yet.</p>}
      <ol className="identity-events">
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
