package main

import (
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy"
)

func TestPorts(t *testing.T) {
	http, grpc := mesh.Port{Number: 8080}, mesh.Port{Number: 9090, Name: "grpc-api"}
	admin := mesh.Port{Number: 8081, Name: "admin", Protocol: mesh.HTTP}
	for name, c := range map[string]struct {
		args []string
		env  string
		want []mesh.Port
	}{
		"none":                      {nil, "", nil},
		"0 is none":                 {[]string{"--port", "0"}, "", nil},
		"repeated":                  {[]string{"--port", "8080", "--port=grpc-api=9090", "--port", "admin=8081,protocol=http"}, "", []mesh.Port{http, grpc, admin}},
		"in one flag":               {[]string{"--port", "8080,grpc-api=9090,admin=8081,protocol=http"}, "", []mesh.Port{http, grpc, admin}},
		"environment":               {nil, "8080,grpc-api=9090", []mesh.Port{http, grpc}},
		"flags outrank environment": {[]string{"--port", "grpc-api=9090", "--port", "8080"}, "7070,7071", []mesh.Port{grpc, http}},
		"taken back, on a restart":  {[]string{"--port", "7070", "--port", "7071", "--port=", "--port", "8080"}, "", []mesh.Port{http}},
	} {
		t.Run(name, func(t *testing.T) {
			parsed, err := parse(append([]string{"--service", "hello"}, c.args...), environ(map[string]string{"SIGHTLINE_PORT": c.env}), io.Discard)
			if err != nil || !slices.Equal(parsed.config.Ports, c.want) {
				t.Errorf("ports %v, %v; want %v", parsed.config.Ports, err, c.want)
			}
			if got := parsed.probe(nil).Ports; len(got) != len(c.want) {
				t.Errorf("%v are asked whether the app is ready, of %v", got, c.want)
			}
		})
	}
}

func TestPortFaults(t *testing.T) {
	for arg, want := range map[string]string{
		"grpc=many": `"many": want a port, such as 8080, grpc=9090`, "grpc=9090,protocol=smtp": "want http, http2, grpc, tcp or tls",
		"protocol=grpc": `"grpc": want a port`, "8080,8080": "port: 8080 is there twice", "Web=8080": `port: "Web" is not a DNS label`, "0x10": "want a port",
	} {
		if _, err := parse([]string{"--service", "hello", "--port", arg}, environ(nil), io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("--port %s: %v, want %q in it", arg, err, want)
		}
	}
}

func TestUpstreamsOfPorts(t *testing.T) {
	c, err := parse([]string{
		"--service", "web", "--upstream", "hello=127.0.0.1:1,port=9090,protocol=grpc", "--upstream", "hello=127.0.0.1:2", "--upstream", "db.shop:5432=127.0.0.1:3",
	}, environ(nil), io.Discard)
	want := map[string]proxy.Upstream{
		"hello:9090": {Address: "127.0.0.1:1", Protocol: mesh.GRPC}, "hello": {Address: "127.0.0.1:2"}, "db.shop:5432": {Address: "127.0.0.1:3"},
	}
	if err != nil || !maps.Equal(c.config.Upstreams, want) {
		t.Errorf("upstreams %v, %v", c.config.Upstreams, err)
	}
	for _, bad := range []string{"hello=127.0.0.1:1,port=many", "hello=127.0.0.1:1,port=0", "hello:0=127.0.0.1:1", "port=9090"} {
		if _, err := parse([]string{"--service", "web", "--upstream", bad}, environ(nil), io.Discard); err == nil {
			t.Errorf("--upstream %s is taken", bad)
		}
	}
}

func TestRestartReplacesThePorts(t *testing.T) {
	_, flags, err := parseRestart([]string{"--dir", "/d", "--port", "8080", "--drain", "1s", "--port=grpc=9090"}, environ(nil))
	want := []string{"--port=", "--port", "8080", "--drain", "1s", "--port=grpc=9090"}
	if err != nil || !slices.Equal(flags, want) {
		t.Errorf("flags %q, %v; want %q", flags, err, want)
	}
}
