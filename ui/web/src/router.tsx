import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Link } from "@tanstack/react-router";
import type { LogFilter } from "./api/log";
import type { TraceFilter } from "./api/queries";
import { Page } from "./shell/Page";
import { Shell } from "./shell/Shell";
import { upgraded } from "./traces/filter";
import { ErrorState, State } from "./ui/State";

// Every page has a path, and all that can be chosen on it is in the query. A page's
// code is loaded when it is opened.

type Query = Record<string, unknown>;

const textOf = (q: Query, name: string): string | undefined => {
  const v = q[name];
  return v === undefined || v === "" ? undefined : String(v);
};

/** Only the named parameters, as texts: whatever else a URL says is left out. */
function pick<K extends string>(...names: K[]) {
  return (q: Query): Partial<Record<K, string>> => {
    const out: Partial<Record<K, string>> = {};
    for (const n of names) {
      const v = textOf(q, n);
      if (v !== undefined) out[n] = v;
    }
    return out;
  };
}

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound, errorComponent: ({ error }) => <ErrorState error={error} retry={() => location.reload()} /> });

const pages = [
  createRoute({
    getParentRoute: () => root,
    path: "/",
    validateSearch: pick("sel", "find", "at"),
    component: lazyRouteComponent(() => import("./map/MapPage")),
  }),
  createRoute({ getParentRoute: () => root, path: "/signin", component: lazyRouteComponent(() => import("./shell/SignIn")) }),
  createRoute({
    getParentRoute: () => root,
    path: "/traces",
    validateSearch: (q: Query): TraceFilter => upgraded(pick("filter", "service", "status", "min", "max", "q", "range", "from", "to", "spans", "box", "cmp")(q)),
    component: lazyRouteComponent(() => import("./traces/TracesPage")),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/traces/$id",
    validateSearch: pick("span", "hops", "tab"),
    component: lazyRouteComponent(() => import("./traces/TracePage")),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/logs",
    validateSearch: pick("filter", "service", "range", "from", "to") as (q: Query) => LogFilter,
    component: lazyRouteComponent(() => import("./logs/LogsPage")),
  }),
  createRoute({ getParentRoute: () => root, path: "/traffic", component: lazyRouteComponent(() => import("./traffic/TrafficIndex")) }),
  createRoute({ getParentRoute: () => root, path: "/traffic/$service", component: lazyRouteComponent(() => import("./traffic/TrafficPage")) }),
  createRoute({
    getParentRoute: () => root,
    path: "/events",
    validateSearch: pick("kind", "service"),
    component: lazyRouteComponent(() => import("./events/EventsPage")),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/config",
    validateSearch: pick("tab", "sel", "kind", "find", "change"),
    component: lazyRouteComponent(() => import("./config/ConfigPage")),
  }),
  createRoute({ getParentRoute: () => root, path: "/slos", component: lazyRouteComponent(() => import("./status/SLOsPage")) }),
  createRoute({
    getParentRoute: () => root,
    path: "/proxies",
    validateSearch: pick("find", "sort", "show", "page"),
    component: lazyRouteComponent(() => import("./status/ProxiesPage")),
  }),
  createRoute({ getParentRoute: () => root, path: "/identity", component: lazyRouteComponent(() => import("./identity/IdentityPage")) }),
  createRoute({ getParentRoute: () => root, path: "/pipeline", component: lazyRouteComponent(() => import("./status/PipelinePage")) }),
] as const;

export const router = createRouter({
  routeTree: root.addChildren(pages),
  defaultPreload: "intent",
  parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
  stringifySearch: (query) => {
    const text = new URLSearchParams(Object.entries(query).filter(([, v]) => v !== undefined) as [string, string][]).toString();
    return text ? `?${text}` : "";
  },
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}

function NotFound() {
  return (
    <Page title="Not found">
      <State icon="search" title="There is no such page" action={<Link className="button button-plain" to="/">Open the map</Link>}>
        {location.pathname}
      </State>
    </Page>
  );
}
