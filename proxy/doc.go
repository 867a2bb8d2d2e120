// Package proxy is the sidecar: it accepts a workload's connections, sends each
// request to a healthy instance of the right service over mutual TLS, and tells the
// collector what happened. Without a control plane it keeps what it knows.
package proxy
