package ca

import (
	"crypto/elliptic"
	"errors"
	"testing"
	"time"
)

// A rotation cuts nobody off: in each phase, what is issued is let in by who trusts the
// bundle of then, and by who trusts that of the phase before.
func TestRotation(t *testing.T) {
	records := &memory{}
	a := load(t, records, time.Hour)
	old := a.Root()
	before, was := chainOf(t, a), a.Roots()
	changed := a.Trust().Changed
	for _, step := range []struct {
		name string
		do   func() error
		want Phase
		then int // roots that are trusted
	}{
		{"begin", func() error { return a.Distribute(t.Context()) }, Distribute, 2},
		{"sign", func() error { return a.SignWithNext(t.Context()) }, Renew, 2},
		{"retire", func() error { return a.Retire(t.Context()) }, Steady, 1},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		select {
		case <-changed:
		default:
			t.Errorf("%s: nobody was told", step.name)
		}
		a = load(t, records, time.Hour) // a restart in every phase
		changed = a.Trust().Changed
		if a.Phase() != step.want || len(a.Roots()) != step.then {
			t.Errorf("%s: phase %q with %d roots", step.name, a.Phase(), len(a.Roots()))
		}
		chain := chainOf(t, a)
		if err := trusts(a.Roots(), chain, time.Now()); err != nil {
			t.Errorf("%s: issued, and not trusted: %v", step.name, err)
		}
		if err := trusts(was, chain, time.Now()); err != nil {
			t.Errorf("%s: who has not heard of it yet does not trust what is issued: %v", step.name, err)
		}
		if err := trusts(a.Roots(), before, time.Now()); (err == nil) != (step.want != Steady) {
			t.Errorf("%s: what was issued before: %v", step.name, err)
		}
		was = a.Roots()
	}
	if a.Root().Equal(old) {
		t.Error("the root is the old one")
	}
}

// A workload that has the old root alone, and one that comes with a join token which
// names it, are served until that root is gone.
func TestNewAuthorityIsVouchedForByTheOldRoot(t *testing.T) {
	a := load(t, &memory{}, time.Hour)
	old := a.Roots()
	if err := errors.Join(a.Distribute(t.Context()), a.SignWithNext(t.Context())); err != nil {
		t.Fatal(err)
	}
	if err := trusts(old, chainOf(t, a), time.Now()); err != nil {
		t.Errorf("who trusts the old root alone: %v", err)
	}
	c, err := a.ListenerTLS("cp").GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(c.Certificate); n != 5 { // leaf, intermediate twice, both roots
		t.Errorf("listener's chain has %d certificates", n)
	}
	if err := a.Retire(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := trusts(old, chainOf(t, a), time.Now()); err == nil {
		t.Error("the old root still vouches for what is issued")
	}
}

func TestRotationGoesStepByStep(t *testing.T) {
	records := &memory{}
	a, other := load(t, records, time.Hour), load(t, records, time.Hour)
	for name, do := range map[string]func() error{
		"sign": func() error { return a.SignWithNext(t.Context()) }, "retire": func() error { return a.Retire(t.Context()) },
		"abandon": func() error { return a.Abandon(t.Context()) },
	} {
		if err := do(); !errors.Is(err, ErrPhase) {
			t.Errorf("%s where there is no rotation: %v", name, err)
		}
	}
	root := a.Root()
	if err := a.Distribute(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := other.Distribute(t.Context()); !errors.Is(err, ErrPhase) {
		t.Errorf("two began at once: %v", err)
	}
	if err := other.Reload(t.Context()); err != nil || other.Phase() != Distribute {
		t.Errorf("another control plane does not take it over: %v", err)
	}
	if err := other.Abandon(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.Reload(t.Context()); err != nil || a.Phase() != Steady || len(a.Roots()) != 1 || !a.Root().Equal(root) {
		t.Errorf("abandoned: %v, phase %q", err, a.Phase())
	}
	if _, _, err := a.IssueRequest(request(t, elliptic.P256()), reviews); err != nil {
		t.Error(err)
	}
}
