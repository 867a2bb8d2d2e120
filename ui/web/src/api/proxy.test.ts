import { expect, test } from "vitest";
import { portsOf, wordsOf, type Instance } from "./proxy";

const instance = (more: Partial<Instance>): Instance => ({
  id: "a-1", service: "a", version: "v1", address: "127.0.0.1:1", identity: "", state: "ready", ...more,
});

test("an instance has its ports, or the one that its sidecar knows of, or none", () => {
  const several = [{ number: 8080 }, { number: 9090, name: "grpc" }];
  expect(portsOf(instance({ appPort: 8080, ports: several }))).toEqual(several);
  expect(portsOf(instance({ appPort: 8080, appProtocol: "http", ports: null }))).toEqual([{ number: 8080, protocol: "http" }]);
  expect(portsOf(instance({}))).toEqual([]);
});

test("what is spoken on a port is said once", () => {
  expect(wordsOf({ number: 1, name: "http", protocol: "http" })).toBe("http");
  expect(wordsOf({ number: 1, name: "grpc-api", protocol: "grpc" })).toBe("grpc-api");
  expect(wordsOf({ number: 1, name: "admin", protocol: "http" })).toBe("admin, http");
  expect(wordsOf({ number: 1, protocol: "tcp" })).toBe("tcp");
  expect(wordsOf({ number: 1 })).toBe("");
});
