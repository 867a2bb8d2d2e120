package run

import (
	"slices"
	"strings"
)

// Place is what an app is told of its sidecar.
type Place struct {
	Service, Version, Instance string
	Outbound                   string // host:port that takes the app's requests
}

// secrets are variables that are the sidecar's alone.
var secrets = []string{"SIGHTLINE_TOKEN", "SIGHTLINE_TOKEN_FILE"}

// Environ is the app's environment: what this process has, without the sidecar's
// secrets, and with the outbound listener as HTTP proxy. Requests to this machine
// itself stay outside the mesh. Most programs' HTTP clients read these by themselves.
func Environ(own []string, p Place) []string {
	const local = "localhost,127.0.0.1,::1,169.254.169.254" // the last is the cloud's metadata service
	proxy := "http://" + p.Outbound
	set := []string{
		"http_proxy=" + proxy, "HTTP_PROXY=" + proxy, "no_proxy=" + local, "NO_PROXY=" + local,
		"SIGHTLINE_OUTBOUND=" + p.Outbound, "SIGHTLINE_SERVICE=" + p.Service,
		"SIGHTLINE_VERSION=" + p.Version, "SIGHTLINE_INSTANCE=" + p.Instance,
	}
	kept := slices.DeleteFunc(slices.Clone(own), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return slices.Contains(secrets, name) || slices.ContainsFunc(set, func(s string) bool {
			return strings.HasPrefix(s, name+"=")
		})
	})
	return append(kept, set...)
}
