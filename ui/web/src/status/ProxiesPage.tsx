import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useDeferredValue, useMemo } from "react";
import { proxiesQuery } from "../api/queries";
import type { Proxy } from "../api/proxy";
import { Page } from "../shell/Page";
import { Button } from "../ui/Button";
import { Icon } from "../ui/Icon";
import { ErrorState, Skeleton, State } from "../ui/State";
import { ChangesTable } from "./ChangesTable";
import { choose, orderOf, PAGE, pageOf, trouble, type Order } from "./proxies";
import { ProxyRow } from "./ProxyRow";
import { TableScroll } from "./TableScroll";

const route = getRouteApi("/proxies");

export default function ProxiesPage() {
  const proxies = useQuery(proxiesQuery);
  const all = useMemo(() => (proxies.data?.proxies ?? []).filter((p) => !p.instance.origin), [proxies.data]);
  const behind = all.filter((p) => !p.inSync).length;
  return (
    <Page title="Proxies" note={proxies.data && `${all.length} sidecars, ${behind === 0 ? "all in sync" : `${behind} not in sync`}`}>
      {proxies.isPending && <Skeleton rows={10} label="Sidecars are loading" />}
      {proxies.isError && <ErrorState error={proxies.error} retry={() => void proxies.refetch()} />}
      {proxies.isSuccess && all.length === 0 && (
        <State icon="proxies" title="No sidecars yet">
          Make a join token with <code>sightline token create</code> and start a program beside a sidecar.
        </State>
      )}
      {all.length > 0 && <Sidecars all={all} />}
      {proxies.data && <ChangesTable changes={proxies.data.changes} planes={proxies.data.controlPlanes} />}
    </Page>
  );
}

interface Query {
  find?: string;
  sort?: string;
  show?: string;
  page?: string;
}

/** Thousands of sidecars, a page of them at a time, and what chooses them. */
function Sidecars({ all }: { all: readonly Proxy[] }) {
  const { find = "", sort, show, page } = route.useSearch();
  const navigate = route.useNavigate();
  const order = orderOf(sort);
  const asked = useDeferredValue(find);
  const bad = show === "trouble";
  const chosen = useMemo(() => choose(all, asked, order, bad), [all, asked, order, bad]);
  const troubled = useMemo(() => all.filter((p) => trouble(p) > 0).length, [all]);
  const shown = pageOf(chosen, Number(page ?? 1));
  // Another choice begins at its first page.
  const set = (next: Query) => void navigate({ search: (now) => ({ ...now, page: undefined, ...next }), replace: true });
  return (
    <>
      <div className="proxy-filters" role="search">
        <label className="search">
          <Icon name="search" />
          <input className="input" data-search placeholder="Instance, service, address, identity, trouble" aria-label="Find sidecars" value={find} onChange={(e) => set({ find: e.target.value || undefined })} />
          <kbd aria-hidden="true">/</kbd>
        </label>
        <div className="chips" role="group" aria-label="Which sidecars">
          <button type="button" className="chip" aria-pressed={!bad} onClick={() => set({ show: undefined })}>
            All {all.length}
          </button>
          <button type="button" className="chip" aria-pressed={bad} onClick={() => set({ show: "trouble" })}>
            With trouble {troubled}
          </button>
        </div>
        <Pager {...shown} total={chosen.length} onPage={(n) => set({ page: n > 1 ? String(n) : undefined })} />
      </div>
      {chosen.length === 0 ? (
        <State icon={bad && !find ? "check" : "search"} title={bad && !find ? "No sidecar has trouble" : "No sidecar fits"}>
          {bad && !find ? "All are connected, ready and in sync." : "None has these words in its names, addresses, version or troubles."}
        </State>
      ) : (
        <TableScroll label="Sidecars">
          <thead>
            <tr>
              <Head order="instance" now={order} set={set} name="Instance" />
              <Head order="state" now={order} set={set} name="State" title="The worst first" />
              <th>Configuration</th>
              <Head order="service" now={order} set={set} name="Service" />
              <th>Ports</th>
              <Head num order="version" now={order} set={set} name="Version" title="The oldest first" />
              <Head num order="took" now={order} set={set} name="Took" title="From the commit of the newest change until it was in force at the sidecar; the slowest first" />
              <th>Subscribed to</th>
              <Head num order="certificate" now={order} set={set} name="Certificate" title="What ends first, first" />
              <Head order="build" now={order} set={set} name="Build" />
            </tr>
          </thead>
          <tbody>
            {shown.rows.map((p) => (
              <ProxyRow key={p.instance.id} proxy={p} />
            ))}
          </tbody>
        </TableScroll>
      )}
    </>
  );
}

interface HeadProps {
  order: Order;
  now: Order;
  set: (next: Query) => void;
  name: string;
  title?: string;
  num?: boolean;
}

function Head({ order, now, set, name, title, num }: HeadProps) {
  const on = order === now;
  return (
    <th className={num ? "num" : undefined} title={title} aria-sort={on ? "ascending" : undefined}>
      <button type="button" className="sort" data-on={on || undefined} onClick={() => set({ sort: order === "state" ? undefined : order })}>
        {name}
        <i aria-hidden="true">{on ? "↑" : ""}</i>
      </button>
    </th>
  );
}

function Pager({ page, pages, total, onPage }: { page: number; pages: number; total: number; onPage: (n: number) => void }) {
  if (pages === 1) return null;
  const first = (page - 1) * PAGE + 1;
  return (
    <nav className="pager" aria-label="Pages of sidecars">
      <span className="muted" role="status">
        {first}–{Math.min(first + PAGE - 1, total)} of {total}
      </span>
      <Button small disabled={page === 1} onClick={() => onPage(page - 1)}>
        Back
      </Button>
      <Button small disabled={page === pages} onClick={() => onPage(page + 1)}>
        Next
      </Button>
    </nav>
  );
}
