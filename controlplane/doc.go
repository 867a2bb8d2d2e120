// Package controlplane tells sidecars who is who, what runs, how to route and whom
// to avoid. It is one process with one TLS listener: sidecars enrol, renew and
// subscribe there, and the mesh's other parts use the admin API.
//
// Its steps are packages of their own. store holds the state in etcd; ca, token and trust
// let workloads in; registry knows the instances; resource keeps what people wrote
// and compile turns it all into snapshots; hub feeds those to the sidecars; remedy
// turns what topology sees into verdicts; event keeps the timeline.
//
// Sidecars do without it for as long as their certificates last, so it may be
// stopped, killed and replaced at any time. What it needs to go on is in the store,
// and no instance is dropped whose sidecar comes back within a lease's time.
package controlplane
