package controlplane

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/identity"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/wire"
	"github.com/sightline-mesh/sightline/controlplane/wire/wireconnect"
)

// A sidecar whose clock goes wrong is shown as such, and with it what it says over another
// stream; one of before that does not say how late it is has no clock that goes wrong.
func TestAClockThatGoesWrongIsSeen(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	c := p.admin()
	s := p.sidecar(p.token(c), workload("web", "v1", "web-1"), "reviews")
	ahead := func() time.Duration {
		all, err := c.Proxies(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(all, func(p mesh.ProxyStatus) bool { return p.Instance.ID == "web-1" })
		if i < 0 || !all[i].Connected {
			return time.Hour
		}
		return all[i].ClockAhead()
	}
	eventually(t, "a clock that goes well", func() bool { return ahead().Abs() < 10*time.Second })

	var protocols http.Protocols
	protocols.SetHTTP2(true)
	transport := &http.Transport{TLSClientConfig: s.source.ClientTLS(s.source.ControlPlane(), "h2"), Protocols: &protocols}
	t.Cleanup(transport.CloseIdleConnections)
	stream := wireconnect.NewControlPlaneClient(&http.Client{Transport: transport}, identity.BaseURL(p.address)).Trust(t.Context())
	if err := stream.Send(&wire.TrustReport{Now: timestamppb.New(time.Now().Add(-3 * time.Minute))}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a clock that is behind", func() bool { return (ahead() + 3*time.Minute).Abs() < 10*time.Second })
	if err := stream.Send(&wire.TrustReport{}); err != nil {
		t.Fatal(err)
	}
	_ = stream.CloseRequest()
}

// What came in plaintext where only mutual TLS is taken is for the one to see who looks at
// the sidecar, and for the timeline, once.
func TestTurnedAwayConnectionsAreSeen(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	c := p.admin()
	s := p.sidecar(p.token(c), workload("vault", "v1", "vault-1"), "reviews")
	last := time.Now().Add(-30 * time.Second)
	s.away.Store(&mesh.TurnedAway{Plaintext: 2, From: "10.0.0.7", Last: last})
	shown := func() (out mesh.TurnedAway) {
		all, err := c.Proxies(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range all {
			out = p.TurnedAway
		}
		return out
	}
	eventually(t, "two connections", func() bool { return shown().Plaintext == 2 })
	if got := shown(); got.From != "10.0.0.7" || got.Last.Sub(last).Abs() > 5*time.Second {
		t.Errorf("shown as %+v, want the last from 10.0.0.7 at %s", got, last)
	}
	s.away.Store(&mesh.TurnedAway{Plaintext: 5, From: "10.0.0.8", Last: time.Now()})
	eventually(t, "five connections", func() bool { return shown().Plaintext == 5 })
	events, err := c.Events(t.Context(), admin.EventQuery{Kind: mesh.EventPlaintext})
	if err != nil || len(events) != 1 {
		t.Fatalf("events %+v, %v, want one", events, err)
	}
	if e := events[0]; e.Target.Instance != "vault-1" || !strings.Contains(e.Summary, "vault-1 turned away 2 connections in plaintext, the last from 10.0.0.7") {
		t.Errorf("told as %+v", e)
	}
}
