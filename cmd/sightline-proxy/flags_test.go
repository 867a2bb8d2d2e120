package main

import (
	"flag"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy"
)

func environ(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}

func TestParse(t *testing.T) {
	c, err := parse([]string{
		"--service", "hello", "--version=v1", "--port", "8080", "--drain", "5s", "--app-protocol", "tcp",
		"--upstream", "orders=127.0.0.1:9101", "--upstream", "users.shop=127.0.0.1:9102", "--upstream", "db=127.0.0.1:9103,protocol=tcp,cache",
		"--", "./hello", "--port", "9",
	}, environ(nil), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	p := c.config
	if p.Service != "hello" || p.Version != "v1" || !slices.Equal(p.Ports, []mesh.Port{{Number: 8080}}) || p.AppProtocol != mesh.TCP || p.Drain != 5*time.Second {
		t.Errorf("config %+v", p)
	}
	want := map[string]proxy.Upstream{
		"orders": {Address: "127.0.0.1:9101"}, "users.shop": {Address: "127.0.0.1:9102"},
		"db": {Address: "127.0.0.1:9103", Protocol: mesh.TCP}, "cache": {},
	}
	if !maps.Equal(p.Upstreams, want) {
		t.Errorf("upstreams %v", p.Upstreams)
	}
	if !slices.Equal(c.app, []string{"./hello", "--port", "9"}) {
		t.Errorf("app %q", c.app)
	}
}

func TestEnvironmentStandsInForFlags(t *testing.T) {
	env := environ(map[string]string{
		"SIGHTLINE_SERVICE": "hello", "SIGHTLINE_CONTROL_PLANE": "10.0.0.1:15012", "SIGHTLINE_PORT": "8080",
		"SIGHTLINE_UPSTREAM": "a=127.0.0.1:1,b=127.0.0.1:2",
	})
	c, err := parse([]string{"--port", "9090"}, env, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if p := c.config; p.Service != "hello" || p.ControlPlane != "10.0.0.1:15012" || !slices.Equal(p.Ports, []mesh.Port{{Number: 9090}}) || len(p.Upstreams) != 2 {
		t.Errorf("config %+v", p)
	}
	_, err = parse([]string{"--service", "hello"}, environ(map[string]string{"SIGHTLINE_PORT": "many"}), io.Discard)
	if err == nil || !strings.Contains(err.Error(), `SIGHTLINE_PORT="many"`) {
		t.Errorf("err = %v, want it to name the variable", err)
	}
}

func TestTokenComesFromOneOfThreePlaces(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("slt_file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		args []string
		env  map[string]string
		want string
	}{
		{"none", nil, nil, ""},
		{"environment", nil, map[string]string{"SIGHTLINE_TOKEN": "slt_env"}, "slt_env"},
		{"file", []string{"--token-file", file}, nil, "slt_file"},
		{"file by the environment", nil, map[string]string{"SIGHTLINE_TOKEN_FILE": file}, "slt_file"},
		{"flag", []string{"--token", "slt_flag"}, map[string]string{"SIGHTLINE_TOKEN": "slt_env"}, "slt_flag"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := parse(append([]string{"--service", "hello"}, tt.args...), environ(tt.env), io.Discard)
			if err != nil || c.config.Token != tt.want {
				t.Errorf("token %q, %v; want %q", c.config.Token, err, tt.want)
			}
		})
	}
	if _, err := parse([]string{"--service", "hello", "--token-file", "/no/such"}, environ(nil), io.Discard); err == nil {
		t.Error("a token file that is not there is no error")
	}
}

func TestFaultsAreNamed(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want []string
	}{
		{nil, []string{"service:"}},
		{[]string{"--service", "web", "--identity", "vault"}, []string{`identity: "vault": want mesh or spire`}},
		{[]string{"--service", "web", "--identity", "spire"}, []string{"spire-socket: must be given"}},
		{[]string{"--service", "web", "--spire-socket", "unix:///a"}, []string{"spire-socket: needs --identity spire"}},
		{[]string{"--service", "web", "--identity", "spire", "--spire-socket", "unix:///a", "--token", "slt"}, []string{"token: is of no use"}},
		{[]string{"--service", "Hello!", "--version", "v1.0", "--port", "70000"}, []string{"service:", "version:", "port:"}},
		{[]string{"--service", "hello", "--upstream", "orders=9101"}, []string{"name=host:port"}},
		{[]string{"--service", "hello", "--upstream", "db=127.0.0.1:1,protocol=smtp"}, []string{"want http, http2, grpc, tcp or tls"}},
		{[]string{"--service", "hello", "--no-such-flag"}, []string{"no-such-flag"}},
		{[]string{"--service", "hello", "--admin", "15000"}, []string{"admin:"}},
	} {
		_, err := parse(tt.args, environ(nil), io.Discard)
		for _, want := range tt.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: err = %v, want it to name %q", tt.args, err, want)
			}
		}
	}
}

func TestCommands(t *testing.T) {
	for _, args := range [][]string{nil, {"walk"}, {"run"}} {
		if status, err := start(args); err == nil || status != 2 {
			t.Errorf("start(%q) = %d, %v; want status 2 and an error", args, status, err)
		}
	}
	if status, err := start([]string{"version"}); status != 0 || err != nil {
		t.Errorf("version: %d, %v", status, err)
	}
}

func TestSecretParams(t *testing.T) {
	for said, want := range map[string][]string{"none": {}, "ticket, token": {"ticket", "token"}} {
		var c command
		f := flag.NewFlagSet("run", flag.ContinueOnError)
		f.SetOutput(io.Discard)
		c.define(f)
		if err := f.Parse([]string{"--secret-params", said}); err != nil || c.config.SecretParams == nil || !slices.Equal(c.config.SecretParams, want) {
			t.Errorf("%q: %q, %v", said, c.config.SecretParams, err)
		}
		if err := f.Parse([]string{"--secret-params", "a=b"}); err == nil || !strings.Contains(err.Error(), `"a=b"`) {
			t.Errorf("a=b: %v", err)
		}
	}
}
