// Package run starts a workload's app beside its sidecar and ends with it: the app is
// started once the sidecar can carry its requests, gets the signals meant for it, and
// its exit status becomes the sidecar's, so that a job in the mesh ends as a job does.
package run
