package proxy

import (
	"strings"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func TestAppWithoutAPortIsACaller(t *testing.T) {
	for port, want := range map[int]mesh.InstanceState{0: mesh.Caller, 8080: mesh.Starting} {
		if got := (Config{AppPort: port}).firstState(); got != want {
			t.Errorf("port %d: %s, want %s", port, got, want)
		}
	}
}

func TestEveryFaultIsNamed(t *testing.T) {
	c := Default()
	c.Service, c.Version, c.AppPort, c.Drain, c.AppProtocol = "Bad_Name", "v 1", 70000, -1, "smtp"
	c.DetectTime, c.StreamIdle = 2*time.Second, -1
	c.Outbound = "15001"
	c.Upstreams = map[string]Upstream{"a b": {Address: "127.0.0.1:1"}, "c": {Protocol: "smtp"}}
	err := c.Validate()
	for _, want := range []string{`service: "Bad_Name"`, `version: "v 1"`, "port: 70000", "drain", "detect-time: 2s is not between 0 and 1s", "stream-idle", `app-protocol: protocol "smtp": want http, http2, grpc, tcp or tls`, `outbound: "15001"`, `upstream: host "a b"`, `upstream c: protocol "smtp"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Validate = %v, want %q in it", err, want)
		}
	}
	c = Default()
	c.Service = "cart"
	if err := c.Validate(); err != nil {
		t.Errorf("defaults with a service: %v", err)
	}
}
