package demo

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/loadtest/shop"
)

// Fault is one planned misbehaviour of a part of the shop, counted from the start of
// the load.
type Fault struct {
	Kind   string // "errors" or "latency"
	Target mesh.Target
	At     time.Duration
	For    time.Duration
	Share  float64       // of requests that fail; errors only
	Delay  time.Duration // latency only
}

// ParseFault reads "errors@payments:v2,at=30s,for=30s", with share=0.5 for errors
// and delay=300ms for latency.
func ParseFault(s string) (Fault, error) {
	f := Fault{Share: 1, Delay: 300 * time.Millisecond, For: 30 * time.Second}
	head, rest, _ := strings.Cut(s, ",")
	kind, target, ok := strings.Cut(head, "@")
	if !ok {
		return f, fmt.Errorf("fault %q: want kind@service:version,at=30s,for=30s", s)
	}
	if f.Kind = kind; kind != "errors" && kind != "latency" {
		return f, fmt.Errorf("fault %q: kind %q is not errors or latency", s, kind)
	}
	service, version, _ := strings.Cut(target, ":")
	f.Target = mesh.Target{Service: mesh.ServiceName(service), Version: mesh.Version(version)}
	if len(f.members()) == 0 {
		return f, fmt.Errorf("fault %q: the shop has no %q", s, target)
	}
	for option := range strings.SplitSeq(rest, ",") {
		if option == "" {
			continue
		}
		if err := f.option(option); err != nil {
			return f, fmt.Errorf("fault %q: %w", s, err)
		}
	}
	return f, nil
}

func (f *Fault) option(s string) error {
	key, value, _ := strings.Cut(s, "=")
	var err error
	switch key {
	case "at":
		f.At, err = time.ParseDuration(value)
	case "for":
		f.For, err = time.ParseDuration(value)
	case "delay":
		f.Delay, err = time.ParseDuration(value)
	case "share":
		f.Share, err = strconv.ParseFloat(value, 64)
		if err == nil && (f.Share <= 0 || f.Share > 1) {
			err = fmt.Errorf("%v is not above 0 and at most 1", f.Share)
		}
	default:
		return fmt.Errorf("option %q: want at, for, share or delay", key)
	}
	if err != nil {
		return fmt.Errorf("option %s: %w", key, err)
	}
	return nil
}

// members are the shop's processes that the fault is about.
func (f Fault) members() []shop.Member {
	return slices.DeleteFunc(shop.Members(), func(m shop.Member) bool {
		return m.Service != string(f.Target.Service) || (f.Target.Version != "" && m.Version != string(f.Target.Version))
	})
}

// behaviour is the fault as the shop's processes understand it.
func (f Fault) behaviour() shop.Fault {
	if f.Kind == "latency" {
		return shop.Fault{DelayMS: int(f.Delay / time.Millisecond)}
	}
	return shop.Fault{Errors: f.Share}
}

// covers reports whether a trip of t at some time is this fault's doing: during it,
// or so soon after its end that probing cannot have found out.
func (f Fault) covers(t mesh.Target, at, injected time.Time) bool {
	const aftermath = 15 * time.Second
	if t.Service != f.Target.Service || (f.Target.Version != "" && t.Version != f.Target.Version) {
		return false
	}
	return !at.Before(injected) && at.Before(injected.Add(f.For+aftermath))
}
