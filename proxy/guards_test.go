package proxy

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func TestGuardsAreRefusedWhole(t *testing.T) {
	g := newGuards(testDomain, slog.New(slog.DiscardHandler))
	good := mesh.Inbound{Version: 1, Authorization: []mesh.Authorization{{Name: "a/b", Action: mesh.Deny}}}
	if err := g.apply(good); err != nil {
		t.Fatal(err)
	}
	was := g.load()
	for want, in := range map[string]mesh.Inbound{
		"compile authorization: policy a/b: action":   {Authorization: []mesh.Authorization{{Name: "a/b", Action: "CUSTOM"}}},
		"compile tokens: rule 0, issuer":              {Tokens: []mesh.TokenRule{{Issuer: "i"}}},
		"compile limits: rate limit r: 0 requests":    {Rates: []mesh.RateRule{{Name: "r", Unit: time.Second}}},
		"in flight f: adaptive: percentile: 50 is":    {InFlight: []mesh.InFlight{{Name: "f", Adaptive: &mesh.Adaptive{Percentile: 50}}}},
		`mtls "ISTIO_MUTUAL": want STRICT`:            {MTLS: mesh.Mutual},
		`port 9090: mtls "ISTIO_MUTUAL"`:              {PortMTLS: []mesh.PortMTLS{{Port: 9090, Mode: mesh.Mutual}}},
		"compile access log: \"\" of \"x\" is not":    {Logs: &mesh.AccessLogs{Inbound: &mesh.AccessLog{Only: &mesh.LogTest{Attribute: "x"}}}},
		"compile metrics: label \"x\": is none":       {Metrics: &mesh.Metrics{Inbound: &mesh.MetricRule{Remove: []mesh.MetricLabel{"x"}}}},
		"compile spans: tag \"url.path\": is no name": {Spans: &mesh.Spans{Outbound: &mesh.SpanRule{Tags: []mesh.SpanTag{{Name: "url.path"}}}}},
		"rate limit r: when: key":                     {Rates: []mesh.RateRule{{Name: "r", Requests: 1, Unit: time.Second, Match: mesh.AuthorizationRule{When: []mesh.Condition{{Key: "x"}}}}}},
	} {
		if err := g.apply(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		if g.load() != was || g.policies().Version != 1 {
			t.Errorf("%s: what was in force is not any more", want)
		}
	}
}

// Who has spent a limit must not get it anew with every change of something else.
func TestLimitsGoOnOverAChange(t *testing.T) {
	g := newGuards(testDomain, slog.New(slog.DiscardHandler))
	in := mesh.Inbound{
		Rates:    []mesh.RateRule{{Name: "r", Requests: 1, Unit: time.Hour}, {Name: "other", Requests: 1, Unit: time.Hour}},
		InFlight: []mesh.InFlight{{Name: "f", Adaptive: &mesh.Adaptive{Percentile: 0.5}}},
	}
	if err := g.apply(in); err != nil {
		t.Fatal(err)
	}
	first := g.load()
	in.Rates = []mesh.RateRule{{Name: "other", Requests: 2, Unit: time.Hour}, in.Rates[0]}
	in.Authorization = []mesh.Authorization{{Name: "a/b", Action: mesh.Deny}}
	if err := g.apply(in); err != nil {
		t.Fatal(err)
	}
	second := g.load()
	if second.Rates[1].Limiter != first.Rates[0].Limiter || second.Adaptive.Control != first.Adaptive.Control {
		t.Error("a limit that did not change begins anew")
	}
	if second.Rates[0].Limiter == first.Rates[1].Limiter {
		t.Error("a limit that changed goes on")
	}
	in.InFlight = []mesh.InFlight{{Name: "f", Adaptive: &mesh.Adaptive{Percentile: 0.9}}}
	if err := g.apply(in); err != nil {
		t.Fatal(err)
	}
	if g.load().Adaptive.Control == first.Adaptive.Control {
		t.Error("an adaptive limit that changed goes on")
	}
}

// All bounds count the same requests, so the lowest of each sort is the one that holds.
func TestLowestBoundsHold(t *testing.T) {
	g := newGuards(testDomain, slog.New(slog.DiscardHandler))
	if err := g.apply(mesh.Inbound{InFlight: []mesh.InFlight{
		{Name: "a", Requests: 20, PerCaller: 3},
		{Name: "b", Requests: 10, Connections: 7},
		{Name: "c", PerCaller: 5, Connections: 6, Adaptive: &mesh.Adaptive{Percentile: 0.5}},
		{Name: "d", Requests: 30, Adaptive: &mesh.Adaptive{Percentile: 0.9}},
	}}); err != nil {
		t.Fatal(err)
	}
	in := g.load()
	if f := in.InFlight; f.All.Limit() != 10 || f.Name != "b" || f.PerCaller != 3 || f.PerCallerName != "a" {
		t.Errorf("in flight %+v", f)
	}
	if in.Connections != 6 || in.Adaptive.Name != "c" {
		t.Errorf("%d connections, adaptive %+v", in.Connections, in.Adaptive)
	}
	if err := g.apply(mesh.Inbound{InFlight: []mesh.InFlight{{Name: "a", Connections: 5}}}); err != nil {
		t.Fatal(err)
	}
	if in := g.load(); in.InFlight != nil || in.Adaptive != nil || in.Connections != 5 {
		t.Errorf("%+v, want no bound on requests", in)
	}
}
