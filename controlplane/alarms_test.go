package controlplane

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// TestAnAlarmIsRaisedOnce: whatever the number of control planes, whichever of them leads,
// and wherever a sidecar is connected.
func TestAnAlarmIsRaisedOnce(t *testing.T) {
	var told []mesh.Event // newest first
	var away error
	leads, root, leaf := 0, "", ""
	var clocks []clock
	planes := make([]*alarms, 3)
	for n := range planes {
		planes[n] = &alarms{
			leads: func() bool { return leads == n },
			authorities: func() []mesh.AuthorityCertificate {
				c := mesh.AuthorityCertificate{Subject: "CN=mesh", Fingerprint: "f", Alarm: root}
				return []mesh.AuthorityCertificate{c, c} // the root, which signs as well
			},
			holders: func(context.Context) ([]mesh.Holder, error) {
				return []mesh.Holder{{Instance: "web-1", Serial: "s", Alarm: leaf}, {Instance: "web-2", Serial: "other", Failures: 1}}, away
			},
			clocks:   func(context.Context) ([]clock, error) { return clocks, away },
			timeline: func(context.Context) ([]mesh.Event, error) { return told, away },
			tell:     func(e mesh.Event) { told = slices.Insert(told, 0, e) },
			logger:   slog.New(slog.DiscardHandler),
		}
	}
	const ends, stays = "authority \"CN=mesh\" ends at 0001-01-01T00:00:00Z: rotate the CA ", "web-1 does not renew its certificate, which ends at 0001-01-01T00:00:00Z "
	for _, step := range []struct {
		name  string
		alter func()
		want  []string
	}{
		{"all is well", func() {}, nil},
		{"a root comes near its end", func() { root = "warning" }, []string{ends + "warning"}},
		{"it stays so", func() {}, nil},
		{"another leads", func() { leads = 1 }, nil},
		{"a certificate is not renewed", func() { leaf = "warning" }, []string{stays + "warning"}},
		{"another leads again", func() { leads = 2 }, nil},
		{"nobody leads", func() { leads, leaf = -1, "critical" }, nil},
		{"somebody does, but the store is away", func() { leads, away = 0, errors.New("no store") }, nil},
		{"the store is back", func() { away = nil }, []string{stays + "critical"}},
		{"it is renewed", func() { leaf = "" }, nil},
		{"and is not the next time", func() { leaf = "warning" }, []string{stays + "warning"}},
		{"the root, further", func() { root = "critical" }, []string{ends + "critical"}},
		{"a clock goes wrong", func() { clocks = []clock{{who: "web-1", ahead: time.Minute}} }, []string{"clocks differ from the control plane's: web-1 1m0s ahead; handshakes fail from five minutes on warning"}},
		{"another leads", func() { leads = 1 }, nil},
		{
			"and those of more", func() {
				clocks = append(clocks, clock{who: "a", ahead: -90 * time.Second}, clock{who: "b", ahead: -2 * time.Minute}, clock{who: "control plane c", ahead: -time.Hour}, clock{who: "d", ahead: 61 * time.Second}, clock{who: "e", ahead: time.Minute})
			}, []string{
				"clocks differ from the control plane's: control plane c 1h0m0s behind; handshakes fail from five minutes on critical",
				"clocks differ from the control plane's: a 1m30s behind, b 2m0s behind, d 1m1s ahead and 1 more; handshakes fail from five minutes on warning",
			},
		},
		{"another leads again", func() { leads = 2 }, nil},
		{"one is set right, another gets worse", func() { clocks = []clock{{who: "a", ahead: -4 * time.Minute}} }, []string{"clocks differ from the control plane's: a 4m0s behind; handshakes fail from five minutes on critical"}},
	} {
		step.alter()
		before := len(told)
		for range 2 {
			for _, a := range planes {
				a.watch(t.Context())
			}
		}
		var got []string
		for _, e := range told[:len(told)-before] {
			got = append(got, e.Summary+" "+e.Detail["alarm"])
		}
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("%s: %s", step.name, diff)
		}
	}
}
