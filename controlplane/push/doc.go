// Package push is a sidecar's end of the control plane's feed. It says which
// services the sidecar calls, hands every new set of snapshots to the sidecar to
// be compiled, and reports back whether that worked.
//
// Three promises. A set is handed over whole, one at a time, and is consistent:
// every service that a route names is in it. A set that the sidecar refuses
// changes nothing here or there, and the control plane shows the reason. Without
// a control plane the sidecar keeps what it has, also over a restart: the last
// set it accepted is on disk.
package push
