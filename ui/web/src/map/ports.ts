import { portsOf, type Port, type Proxy } from "../api/proxy";

export interface PortGroup {
  key: string;
  port: Port;
  first: boolean; // it is what callers mean that name none
  instances: string[]; // ids
}

/** The ports of all instances, each once with those that have it: first ones first, then by name and number. */
export function portGroups(instances: readonly Proxy[]): PortGroup[] {
  const groups = new Map<string, PortGroup>();
  for (const { instance } of instances) {
    portsOf(instance).forEach((port, i) => {
      const key = `${i === 0} ${port.number} ${port.name ?? ""} ${port.protocol ?? ""}`;
      const g = groups.get(key) ?? { key, port, first: i === 0, instances: [] };
      g.instances.push(instance.id);
      groups.set(key, g);
    });
  }
  return [...groups.values()].sort((a, b) => Number(b.first) - Number(a.first) || (a.port.name ?? "").localeCompare(b.port.name ?? "") || a.port.number - b.port.number);
}
