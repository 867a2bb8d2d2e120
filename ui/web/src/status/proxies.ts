import type { Proxy } from "../api/proxy";

export const PAGE = 50; // sidecars on one page

/** What sidecars can be ordered by; the worst first is what a page begins with. */
export const ORDERS = ["state", "instance", "service", "version", "took", "certificate", "build"] as const;
export type Order = (typeof ORDERS)[number];

export const orderOf = (text: string | undefined): Order => ORDERS.find((o) => o === text) ?? "state";

/** How badly a sidecar stands: the greater, the worse. */
export function trouble(p: Proxy): number {
  if (p.unknown) return 3;
  if (!p.connected) return 4;
  if (p.refusal) return 5;
  if (!p.inSync) return 2;
  return p.instance.state === "ready" || p.instance.state === "caller" ? 0 : 1;
}

const by: Record<Order, (a: Proxy, b: Proxy) => number> = {
  state: (a, b) => trouble(b) - trouble(a),
  instance: () => 0, // which decides between equals anyway
  service: (a, b) => compare(a.instance.service, b.instance.service) || compare(a.instance.version, b.instance.version),
  version: (a, b) => a.accepted - b.accepted,
  took: (a, b) => (b.propagationMs ?? 0) - (a.propagationMs ?? 0),
  certificate: (a, b) => expiry(a) - expiry(b),
  build: (a, b) => compare(a.build, b.build),
};

const expiry = (p: Proxy): number => (p.certExpires ? Date.parse(p.certExpires) : 0); // 0: not known

const words = new Intl.Collator("en", { numeric: true }); // cart-2 before cart-10
const compare = (a: string, b: string): number => words.compare(a, b);

/** Those with all of the words in their names, addresses, versions or troubles, in that order. */
export function choose(all: readonly Proxy[], find: string, order: Order, bad: boolean): Proxy[] {
  const asked = find.toLowerCase().split(/\s+/).filter(Boolean);
  return all
    .filter((p) => !p.instance.origin && (!bad || trouble(p) > 0) && asked.every((w) => textOf(p).includes(w)))
    .sort((a, b) => by[order](a, b) || compare(a.instance.id, b.instance.id));
}

function textOf({ instance: i, ...p }: Proxy): string {
  return [i.id, i.service, i.version, i.address, i.identity, i.state, p.build, p.refusal, p.unknown, p.controlPlane].join(" ").toLowerCase();
}

/** One page of them, from 1, and how many there are; a page that is not there is the last. */
export function pageOf(all: readonly Proxy[], page: number): { rows: readonly Proxy[]; page: number; pages: number } {
  const pages = Math.max(1, Math.ceil(all.length / PAGE));
  const at = Math.min(Math.max(1, Math.floor(page) || 1), pages);
  return { rows: all.slice((at - 1) * PAGE, at * PAGE), page: at, pages };
}
