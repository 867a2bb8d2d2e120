package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// startsWithin is how long a workload may take to be ready: one that needs longer waits
// for an app that does not come, or listens elsewhere than its sidecar was told.
const startsWithin = time.Minute

// problemsNamed is how many are named of what has the same problem.
const problemsNamed = 3

// problems are what somebody has to see to: a sidecar that is away or behind, an app that
// does not come up, a breaker that is tripped, state that cannot be read, certificates that
// are not renewed, clocks that differ, a collector whose disk is full. What a registry tells of has no sidecar, or one of another
// mesh.
func (s meshStatus) problems() []string {
	var tripped, unreadable, certificates []string
	away, behind := s.apart()
	for _, v := range s.Breakers {
		tripped = append(tripped, v.Target.String())
	}
	for _, u := range s.Unreadable {
		unreadable = append(unreadable, u.What())
	}
	for _, h := range s.Authority.Troubled {
		certificates = append(certificates, string(h.Instance))
	}
	out := []string{} // none is a list too, in JSON
	for _, one := range []struct {
		names        []string
		single, many string
	}{
		{away, "sidecar is not connected", "sidecars are not connected"},
		{behind, "sidecar is not in sync", "sidecars are not in sync"},
		{s.stuck(), "workload is not ready", "workloads are not ready"},
		{tripped, "breaker is tripped", "breakers are tripped"},
		{unreadable, "piece of state cannot be read", "pieces of state cannot be read"},
		{alarmed(s.Authority), "certificate of the authority wants a rotation", "certificates of the authority want a rotation"},
		{certificates, "certificate is not renewed", "certificates are not renewed"},
		{s.silent(), "sidecar's telemetry does not come", "sidecars' telemetry does not come"},
		{s.damaged(), "part of the store is damaged and set aside, and what it held may be missing from answers", "parts of the store are damaged and set aside, and what they held may be missing from answers"},
		{s.clocks(), "clock differs from the control plane's", "clocks differ from the control plane's"},
	} {
		switch n := len(one.names); n {
		case 0:
		case 1:
			out = append(out, "1 "+one.single+": "+one.names[0])
		default:
			out = append(out, fmt.Sprintf("%d %s: %s", n, one.many, few(one.names)))
		}
	}
	if cold := s.Store.Cold; cold != nil && cold.Trouble != "" {
		out = append(out, "old days of the store do not get to the disk for them, or do not answer there: "+cold.Trouble)
	}
	if trouble := s.trouble(); trouble != "" {
		out = append(out, "telemetry is refused: "+trouble)
	}
	return out
}

// apart are the sidecars that are not connected, and those that are and lack a push.
func (s meshStatus) apart() (away, behind []string) {
	for _, p := range s.Proxies {
		switch {
		case p.Instance.Origin != "":
		case !p.Connected:
			away = append(away, string(p.Instance.ID))
		case !p.InSync:
			behind = append(behind, string(p.Instance.ID))
		}
	}
	return away, behind
}

// stuck are the workloads that have been starting for too long, and for how long. They
// have for as long as their streams last at least: none goes back to it.
func (s meshStatus) stuck() []string {
	var out []string
	for _, p := range s.Proxies {
		if p.Instance.Origin != "" || !p.Connected || p.Instance.State != mesh.Starting || p.Since.IsZero() {
			continue
		}
		if d := time.Since(p.Since).Truncate(time.Minute); d >= startsWithin {
			out = append(out, fmt.Sprintf("%s (starting for %s)", p.Instance.ID, strings.TrimSuffix(d.String(), "0s")))
		}
	}
	return out
}

// trouble is why the collector receives nothing, the same for all signals.
func (s meshStatus) trouble() string {
	for _, p := range s.Signals {
		if p.Trouble != "" {
			return p.Trouble
		}
	}
	return ""
}

// silent are the connected sidecars that made telemetry which is nowhere. That of one which
// is gone went with it.
func (s meshStatus) silent() []string {
	var out []string
	for _, p := range s.Signals {
		if p.Sidecars == nil {
			continue
		}
		for _, id := range p.Sidecars.Missing {
			connected := slices.ContainsFunc(s.Proxies, func(q mesh.ProxyStatus) bool { return string(q.Instance.ID) == id && q.Connected })
			if connected && !slices.Contains(out, id) {
				out = append(out, id)
			}
		}
	}
	return out
}

// damaged are the store's damaged parts, by table and directory.
func (s meshStatus) damaged() []string {
	var out []string
	for _, p := range s.Store.Damaged {
		out = append(out, p.Table+"/detached/"+p.Part)
	}
	return out
}

// alarmed are the authority's own certificates that end too soon.
func alarmed(at mesh.Authority) []string {
	var out []string
	for _, c := range append(slices.Clip(at.Roots), at.Signing) {
		if c.Alarm != "" {
			out = append(out, c.Subject)
		}
	}
	return out
}

// few are some of many names.
func few(names []string) string {
	if more := len(names) - problemsNamed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:problemsNamed], ", "), more)
	}
	return strings.Join(names, ", ")
}
