import { expect, test } from "vitest";
import type { Port, Proxy } from "../api/proxy";
import { portGroups } from "./ports";

const proxy = (id: string, ports: Port[], appPort?: number): Proxy => ({
  instance: { id, service: "a", version: "v1", address: "", identity: "", state: "ready", ports, appPort },
  connected: true, since: "", build: "", subscribed: [], pushed: 1, accepted: 1, inSync: true, certExpires: "",
});

test("ports of instances that have the same are told once, the first port first", () => {
  const http = { number: 8080, name: "http", protocol: "http" };
  const grpc = { number: 9090, name: "grpc", protocol: "grpc" };
  const admin = { number: 81, name: "admin" };
  const groups = portGroups([proxy("a-1", [http, grpc]), proxy("a-2", [http, grpc, admin]), proxy("a-3", [], 7070), proxy("a-4", [])]);
  expect(groups.map((g) => [g.port.number, g.first, g.instances.join(" ")])).toEqual([
    [7070, true, "a-3"],
    [8080, true, "a-1 a-2"],
    [81, false, "a-2"],
    [9090, false, "a-1 a-2"],
  ]);
  expect(portGroups([])).toEqual([]);
});
