// Package mesh is the vocabulary the control plane and its sidecars share: who is
// who, what a sidecar is told, and what is decided about it. It imports only the
// standard library and holds no behaviour beyond what a name or a value means.
//
// Values are snapshots: once handed over they are read-only, and may alias parts
// of earlier values.
package mesh
