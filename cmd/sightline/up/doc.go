// Package up runs a whole mesh on one machine: it supervises the store and the
// control plane as processes of their own, so that either can die without the other,
// and holds the collector, the topology and the web app in this one.
//
//	sightline up ─┬─ sightline store          (embedded ClickHouse)
//	              ├─ sightline controlplane   (etcd, CA, registry, push, remedy)
//	              └─ collector, topology, rules, API and web app in this process
package up
