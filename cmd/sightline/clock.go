package main

import (
	"time"

	"github.com/sightline-mesh/sightline/controlplane/identity"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// aheadOf is how a clock goes beside a control plane's; 0 is one of which nothing is known.
func aheadOf(d time.Duration) string {
	unit := time.Second
	if d.Abs() < time.Second {
		unit = time.Millisecond
	}
	switch {
	case d == 0:
		return "-"
	case d.Abs() < time.Millisecond:
		return "in step"
	case d < 0:
		return (-d).Round(unit).String() + " behind"
	}
	return d.Round(unit).String() + " ahead"
}

// skewed reports whether a clock goes so wrong that somebody has to see to it.
func skewed(d time.Duration) bool { return d.Abs() >= identity.Skewed }

// listClocks has the sidecars whose clocks go wrong.
func listClocks(t *table, all []mesh.ProxyStatus) {
	headed := false
	for _, p := range all {
		if !skewed(p.ClockAhead()) {
			continue
		}
		if !headed {
			t.row()
			t.head("CLOCK OF", "DIFFERS")
			headed = true
		}
		t.row(p.Instance.ID, aheadOf(p.ClockAhead())+"; handshakes fail from five minutes on")
	}
}

// clocks are those that go wrong, of sidecars and of control planes.
func (s meshStatus) clocks() []string {
	var out []string
	for _, p := range s.Proxies {
		if skewed(p.ClockAhead()) {
			out = append(out, string(p.Instance.ID)+" ("+aheadOf(p.ClockAhead())+")")
		}
	}
	for _, c := range s.Planes {
		if skewed(c.ClockAhead()) {
			out = append(out, "control plane "+c.ID+" ("+aheadOf(c.ClockAhead())+")")
		}
	}
	return out
}
