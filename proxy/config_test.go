package proxy

import (
	"strings"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func TestAppWithoutAPortIsACaller(t *testing.T) {
	if got := (Config{}).firstState(); got != mesh.Caller {
		t.Errorf("no port: %s", got)
	}
	if got := (Config{Ports: []mesh.Port{{Number: 8080}}}).firstState(); got != mesh.Starting {
		t.Errorf("port 8080: %s", got)
	}
}

func TestEveryFaultIsNamed(t *testing.T) {
	c := Default()
	c.Service, c.Version, c.Drain, c.AppProtocol = "Bad_Name", "v 1", -1, "smtp"
	c.Ports = []mesh.Port{{}, {Number: 81, Name: "A"}, {Number: 82, Name: "b", Protocol: "quic"}, {Number: 82}, {Number: 83, Name: "b"}}
	c.DetectTime, c.StreamIdle = 2*time.Second, -1
	c.Outbound = "15001"
	c.Upstreams = map[string]Upstream{"a b": {Address: "127.0.0.1:1"}, "c": {Protocol: "smtp"}, "d:99999": {}}
	err := c.Validate()
	for _, want := range []string{`service: "Bad_Name"`, `version: "v 1"`, "port: 0 is not a port", `port: "A" is not a DNS label`, `port 82: protocol "quic"`, "port: 82 is there twice", `port: the name "b" is there twice`, `upstream: "99999" is not a port`, "drain", "detect-time: 2s is not between 0 and 1s", "stream-idle", `app-protocol: protocol "smtp": want http, http2, grpc, tcp or tls`, `outbound: "15001"`, `upstream: host "a b"`, `upstream c: protocol "smtp"`} {
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
