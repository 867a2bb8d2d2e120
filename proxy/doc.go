// Package proxy is the sidecar: it accepts a workload's connections, sends each
// request to a healthy instance of the right service over mutual TLS, and tells the
// collector what happened. Without a control plane it keeps what it knows.
//
// Of memory a sidecar takes, as RSS: its program's 12 MiB, which all copies on a machine
// share, and 4 MiB at rest. An idle HTTP/1.1 connection adds 8 KiB, stack and state; one
// with a request under way borrows up to two buffers of 8 KiB, of 32 KiB where messages
// are larger, and 64 KiB at the most for a head. How many connections there may be is
// bounded by packages listen and pool. What telemetry may take is with package emit.
package proxy
