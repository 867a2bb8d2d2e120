// Package routing holds manifests against what a sidecar makes of them: each script
// in testdata is a manifest, as a person would apply it, and requests with what must
// become of them. It goes the whole way that configuration takes, from YAML over the
// control plane's compiler and the wire into a sidecar's outbound side.
package routing
