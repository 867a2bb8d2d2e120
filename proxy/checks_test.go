package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/health"
	"github.com/sightline-mesh/sightline/proxy/upstream"
)

// clinic answers health checks of HTTP and of gRPC, over one port.
func clinic(t *testing.T) netip.AddrPort {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "reviews" || r.UserAgent() != "sightline-health" {
			w.WriteHeader(http.StatusTeapot)
		}
	})
	mux.HandleFunc("GET /sick", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	mux.HandleFunc("GET /full", func(w http.ResponseWriter, _ *http.Request) { // as a sidecar says it
		w.Header().Set("X-Sightline-Flags", "UO")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	mux.HandleFunc("GET /moved", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/healthz")
		w.WriteHeader(http.StatusFound)
	})
	mux.HandleFunc("GET /slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("POST /grpc.health.v1.Health/Check", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.ProtoMajor != 2 {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer", "Grpc-Status")
		status, answer := "0", "\x00\x00\x00\x00\x02\x08\x01"
		switch name := string(body[5:]); {
		case strings.HasSuffix(name, "full"): // as a sidecar says it
			w.Header().Set("X-Sightline-Flags", "UO")
			w.Header().Set("Grpc-Status", "14")
			w.Header().Del("Trailer")
			return
		case strings.HasSuffix(name, "unknown"):
			status, answer = "5", ""
		case strings.HasSuffix(name, "down"):
			answer = "\x00\x00\x00\x00\x02\x08\x02"
		case name != "" && name != "\x0a\x04shop":
			status, answer = "3", ""
		}
		if _, err := io.WriteString(w, answer); err != nil {
			t.Error(err)
		}
		w.Header().Set("Grpc-Status", status)
	})
	s := httptest.NewUnstartedServer(mux)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	return netip.MustParseAddrPort(s.Listener.Addr().String())
}

func TestChecksAsk(t *testing.T) {
	at := clinic(t)
	ok := []mesh.StatusRange{{From: 200, To: 299}}
	web := func(path string, s []mesh.StatusRange) mesh.HealthCheck {
		return mesh.HealthCheck{HTTP: &mesh.HTTPCheck{Path: path, Host: "reviews", Statuses: s}}
	}
	for _, tt := range []struct {
		name   string
		check  mesh.HealthCheck
		at     netip.AddrPort
		want   string // in the error; "" is none
		unwell bool
	}{
		{"http", web("/healthz", ok), at, "", false},
		{"bad status", web("/sick", ok), at, "GET /sick: status 500", true},
		{"no room for it", web("/full", ok), at, "", false},
		{"redirects are not followed", web("/moved", ok), at, "GET /moved: status 302", true},
		{"a status that is expected", web("/moved", []mesh.StatusRange{{From: 200, To: 204}, {From: 302, To: 302}}), at, "", false},
		{"no answer in time", web("/slow", ok), at, "deadline exceeded", false},
		{"nobody there", web("/healthz", ok), netip.MustParseAddrPort("127.0.0.1:1"), "connection refused", false},
		{"grpc", mesh.HealthCheck{GRPC: &mesh.GRPCCheck{}}, at, "", false},
		{"grpc of a service", mesh.HealthCheck{GRPC: &mesh.GRPCCheck{Service: "shop"}}, at, "", false},
		{"grpc says no", mesh.HealthCheck{GRPC: &mesh.GRPCCheck{Service: "down"}}, at, "not serving (2)", true},
		{"grpc does not know", mesh.HealthCheck{GRPC: &mesh.GRPCCheck{Service: "unknown"}}, at, `gRPC "5"`, true},
		{"no room for grpc", mesh.HealthCheck{GRPC: &mesh.GRPCCheck{Service: "full"}}, at, "", false},
		{"tcp", mesh.HealthCheck{TCP: true}, at, "", false},
		{"tcp to nobody", mesh.HealthCheck{TCP: true}, netip.MustParseAddrPort("127.0.0.1:1"), "connection refused", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			set := upstream.New(upstream.Deps{})
			set.Update([]mesh.Snapshot{{
				Service: "reviews", Known: true, Policy: mesh.Policy{HealthCheck: &tt.check},
				Instances: []mesh.Instance{{ID: "reviews-1", Service: "reviews", Address: tt.at, State: mesh.Ready}},
			}})
			c := newChecks(set, func(ctx context.Context, to *upstream.Instance, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "tcp", to.Info.Address.String())
			})
			defer c.h1.CloseIdleConnections()
			defer c.h2.CloseIdleConnections()
			within := time.Minute
			if tt.check.HTTP != nil && tt.check.HTTP.Path == "/slow" {
				within = 100 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), within)
			defer cancel()
			err := c.ask(ctx, set.Checks()[0].Instance)
			switch {
			case tt.want == "" && err != nil, tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("err = %v, want %q", err, tt.want)
			case errors.Is(err, health.ErrUnwell) != tt.unwell:
				t.Errorf("%v: without doubt is %v, want %v", err, !tt.unwell, tt.unwell)
			}
		})
	}
}

// TestChecksDecide is the whole way: an instance that fails is told of and not chosen.
func TestChecksDecide(t *testing.T) {
	at := clinic(t)
	set := upstream.New(upstream.Deps{})
	set.Update([]mesh.Snapshot{{
		Service: "reviews", Known: true, Policy: mesh.Policy{HealthCheck: &mesh.HealthCheck{
			HTTP:     &mesh.HTTPCheck{Path: "/sick", Host: "reviews", Statuses: []mesh.StatusRange{{From: 200, To: 299}}},
			Interval: 20 * time.Millisecond, NoTrafficInterval: 20 * time.Millisecond, Timeout: time.Second, Healthy: 1, Unhealthy: 3,
		}},
		Instances: []mesh.Instance{{ID: "reviews-1", Service: "reviews", Address: at, State: mesh.Ready}},
	}})
	c := newChecks(set, func(ctx context.Context, to *upstream.Instance, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", to.Info.Address.String())
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	for deadline := time.Now().Add(time.Minute); ; {
		if h := set.State().Instances[0].Health; h != nil && !h.Well && strings.Contains(h.Why, "status 500") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("state %+v", set.State().Instances[0])
		}
		<-time.After(5 * time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
