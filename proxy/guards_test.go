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
		"compile authorization: policy a/b: action": {Authorization: []mesh.Authorization{{Name: "a/b", Action: "CUSTOM"}}},
		"compile tokens: rule 0, issuer":            {Tokens: []mesh.TokenRule{{Issuer: "i"}}},
		"compile limits: rate limit r: 0 requests":  {Rates: []mesh.RateRule{{Name: "r", Unit: time.Second}}},
		"rate limit r: when: key":                   {Rates: []mesh.RateRule{{Name: "r", Requests: 1, Unit: time.Second, Match: mesh.AuthorizationRule{When: []mesh.Condition{{Key: "x"}}}}}},
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
		InFlight: []mesh.InFlight{{Name: "f", Requests: 1}},
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
	if second.Rates[1].Limiter != first.Rates[0].Limiter || second.InFlight[0].Limiter != first.InFlight[0].Limiter {
		t.Error("a limit that did not change begins anew")
	}
	if second.Rates[0].Limiter == first.Rates[1].Limiter {
		t.Error("a limit that changed goes on")
	}
}
