package push

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/wire"
)

// guarded is a push of a service and of what is to be enforced.
func guarded(version uint64, policy string) *wire.Push {
	p := ofService(version, "reviews")
	p.Inbound = &wire.Inbound{Version: version}
	if policy != "" {
		p.Inbound.Authorization = []*wire.Authorization{{Name: policy, Action: "DENY"}}
	}
	return p
}

// startGuarded runs a client that also enforces; what it is to enforce comes on inbounds,
// and fails while it is "bad".
func startGuarded(t *testing.T, dir string) (*fixture, chan mesh.Inbound) {
	t.Helper()
	inbounds := make(chan mesh.Inbound, 100)
	f := startWith(t, func(c *Config) {
		c.Dir = dir
		c.Inbound = func(in mesh.Inbound) error {
			if len(in.Authorization) > 0 && in.Authorization[0].Name == "bad" {
				return errors.New("policy bad: no good")
			}
			inbounds <- in
			return nil
		}
	}, "reviews")
	return f, inbounds
}

func name(in mesh.Inbound) string {
	if len(in.Authorization) == 0 {
		return ""
	}
	return in.Authorization[0].Name
}

func TestReadyIsToldOnceItIsKnownWhatToEnforce(t *testing.T) {
	f, inbounds := startGuarded(t, "")
	f.SetState(mesh.Ready)
	l := take(t, "stream", f.streams)
	if h := hear(t, l, "hello", (*wire.SubscribeRequest).GetHello); h.GetInstance().GetState() != "starting" {
		t.Errorf("hello: %v, before anything is enforced", h)
	}
	l.push <- guarded(1, "bad")
	if a := hear(t, l, "ack", (*wire.SubscribeRequest).GetAck); a.GetAccepted() || a.GetReason() != "inbound: policy bad: no good" {
		t.Errorf("ack: %v", a)
	}
	take(t, "the services, which are not to blame", f.sets)
	l.push <- ofService(2, "reviews") // what was refused is still not in force
	if a := hear(t, l, "ack", (*wire.SubscribeRequest).GetAck); a.GetAccepted() || a.GetReason() != "inbound: policy bad: no good" {
		t.Errorf("ack: %v", a)
	}
	l.push <- guarded(3, "good")
	if got := name(take(t, "inbound", inbounds)); got != "good" {
		t.Errorf("enforces %q", got)
	}
	if s := hear(t, l, "state", (*wire.SubscribeRequest).GetState); s.GetState() != "ready" {
		t.Errorf("state: %v", s)
	}
	l.push <- ofService(4, "reviews") // says nothing of it: it stays
	hear(t, l, "ack", (*wire.SubscribeRequest).GetAck)
	select {
	case in := <-inbounds:
		t.Errorf("applied again: %+v", in)
	default:
	}
}

// A control plane that knows of no policies has none to enforce.
func TestOlderControlPlane(t *testing.T) {
	f, inbounds := startGuarded(t, "")
	f.SetState(mesh.Ready)
	l := take(t, "stream", f.streams)
	l.push <- ofService(1, "reviews")
	if got := name(take(t, "inbound", inbounds)); got != "" {
		t.Errorf("enforces %q", got)
	}
	if s := hear(t, l, "state", (*wire.SubscribeRequest).GetState); s.GetState() != "ready" {
		t.Errorf("state: %v", s)
	}
}

func TestWhatIsEnforcedIsTakenFromDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "feed")
	f, inbounds := startGuarded(t, dir)
	l := take(t, "stream", f.streams)
	l.push <- guarded(1, "good")
	take(t, "inbound", inbounds)
	hear(t, l, "ack", (*wire.SubscribeRequest).GetAck)
	l.push <- guarded(2, "bad") // the services of the same push are kept
	hear(t, l, "ack", (*wire.SubscribeRequest).GetAck)
	f.refuseWith(errors.New("no")) // and now the other way round
	l.push <- guarded(3, "better")
	take(t, "inbound", inbounds)
	hear(t, l, "ack", (*wire.SubscribeRequest).GetAck)
	f.stop()

	f, inbounds = startGuarded(t, dir)
	f.SetState(mesh.Ready)
	if got := name(take(t, "inbound from disk", inbounds)); got != "better" {
		t.Errorf("enforces %q, want the last that was accepted", got)
	}
	if got := versions(take(t, "set from disk", f.sets)); got["reviews"] != 2 {
		t.Errorf("set of version %d, want the last that was accepted", got["reviews"])
	}
	l = take(t, "stream", f.streams)
	if h := hear(t, l, "hello", (*wire.SubscribeRequest).GetHello); h.GetInstance().GetState() != "ready" {
		// The state may have been set after the hello was made.
		if s := hear(t, l, "state", (*wire.SubscribeRequest).GetState); s.GetState() != "ready" {
			t.Errorf("hello: %v, state: %v", h, s)
		}
	}
}
