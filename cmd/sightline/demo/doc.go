// Package demo runs a whole mesh on one machine: the control plane and all that goes
// with it, the shop with a sidecar beside each of its processes, and a load, each a
// real process. It can break a part of the shop on schedule and reports what the mesh
// did about it.
package demo
