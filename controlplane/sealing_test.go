package controlplane

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// conflicts is an error unless something was refused for now, with what is said.
func conflicts(t *testing.T, err error, says string) {
	t.Helper()
	if refused, ok := errors.AsType[*admin.Error](err); !ok || refused.Status != http.StatusConflict || !strings.Contains(err.Error(), says) {
		t.Errorf("got %v, want a conflict with %q", err, says)
	}
}

// fails starts a control plane and wants it to end with an error that says something.
func (p *plant) fails(passphrase, says string) {
	p.t.Helper()
	cfg := p.cfg
	cfg.CAPassphrase = passphrase
	cp, err := New(cfg, Deps{Logger: logger(p.t)})
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	if err := cp.Run(ctx); err == nil || !strings.Contains(err.Error(), says) {
		p.t.Errorf("%s, started with %q: %v, want %q", p.cfg.Name, passphrase, err, says)
	}
}

// with starts a control plane anew with a passphrase.
func (p *plant) with(passphrase string) {
	p.t.Helper()
	p.stop()
	p.cfg.CAPassphrase = passphrase
	p.start(nil)
}

// Abandoning goes back to the passphrase of before, at any moment: those that were started
// with the new one go on with what they have opened, and do not start with it again.
// Forcing does the same the other way round to those that were not. Neither is for a control
// plane that could not start with what is kept.
func TestAPassphraseIsAbandonedAndForced(t *testing.T) {
	t.Parallel()
	const before, after = "of all of them", "the new one"
	all := fleet(t)
	token := all[0].token(all[0].admin())
	step := func(p *plant, r admin.ResealRequest) error {
		r.Token, r.By = p.systemToken(), "ada"
		_, err := p.clientOf(p).Reseal(t.Context(), r)
		return err
	}
	signs := func(when string) {
		t.Helper()
		for _, p := range all {
			if s := p.join(token, workload("web", "", "web-"+p.cfg.Name), ""); s.Status().Serial == "" {
				t.Errorf("%s: %s signs nothing", when, p.cfg.Name)
			}
		}
	}
	conflicts(t, step(all[0], admin.ResealRequest{Step: admin.ResealAbandon}), "no other passphrase was added")
	for _, end := range []struct {
		name        string
		request     admin.ResealRequest
		has, lacks  int // of all, the passphrase that is kept
		good, wrong string
	}{
		{"abandoned", admin.ResealRequest{Step: admin.ResealAbandon}, 0, 1, before, after},
		{"forced", admin.ResealRequest{Step: admin.ResealFinish, Force: true}, 1, 0, after, before},
	} {
		if err := step(all[0], admin.ResealRequest{Step: admin.ResealAdd, Passphrase: after}); err != nil {
			t.Fatalf("%s: %v", end.name, err)
		}
		all[1].with(after) // one of three, and the others not
		conflicts(t, step(all[end.lacks], end.request), "this control plane was not given the passphrase that would be kept")
		if err := step(all[end.has], end.request); err != nil {
			t.Fatalf("%s: %v", end.name, err)
		}
		signs(end.name)
		told, err := all[2].admin().Events(t.Context(), admin.EventQuery{Kind: mesh.EventIdentity})
		if want := "sealed the CA's keys with the passphrase of before alone"; err != nil || len(told) == 0 || end.good == before && told[0].Summary != want {
			t.Errorf("%s: %v, told %+v, want %q first", end.name, err, told, want)
		}
		for _, p := range all {
			p.stop()
			p.fails(end.wrong, "sealed with another key")
			p.with(end.good)
		}
		signs(end.name + ", and started again")
	}
}

// The passphrase of the CA's keys is replaced while three control planes run: each goes on
// signing at every moment, and starts again with the old one or the new one until the last
// has the new one; then with that alone.
func TestPassphraseIsReplacedOnSeveralControlPlanes(t *testing.T) {
	t.Parallel()
	all := fleet(t)
	c := all[0].admin()
	token := all[0].token(c)
	step := func(p *plant, r admin.ResealRequest) error {
		r.Token, r.By = p.systemToken(), "ada"
		_, err := p.clientOf(all[0]).Reseal(t.Context(), r)
		return err
	}
	signs := func(when string) {
		t.Helper()
		for _, p := range all {
			if s := p.join(token, workload("web", "", "web-"+p.cfg.Name), ""); s.Status().Serial == "" {
				t.Errorf("%s: %s signs nothing", when, p.cfg.Name)
			}
		}
	}
	_, err := c.Reseal(t.Context(), admin.ResealRequest{Step: admin.ResealAdd, Passphrase: "the new one", Token: "guess"})
	if refused, ok := errors.AsType[*admin.Error](err); !ok || refused.Status != http.StatusForbidden {
		t.Errorf("for who cannot read the directory: %v, want 403", err)
	}
	conflicts(t, step(all[0], admin.ResealRequest{Step: admin.ResealFinish}), "no other passphrase was added")
	if err := step(all[0], admin.ResealRequest{Step: admin.ResealAdd, Passphrase: "the new one"}); err != nil {
		t.Fatal(err)
	}
	signs("sealed twice")
	_, err = c.Rotate(t.Context(), admin.RotateRequest{By: "ada"})
	conflicts(t, err, "two passphrases")
	for i, p := range all {
		conflicts(t, step(all[0], admin.ResealRequest{Step: admin.ResealFinish}), all[2].cfg.Name)
		p.stop()
		if i == 0 { // with the one of before once more
			p.start(nil)
			p.stop()
		}
		p.cfg.CAPassphrase = "the new one"
		p.start(nil)
		signs("after " + p.cfg.Name)
	}
	if at, err := c.Authority(t.Context()); err != nil || !at.Twice {
		t.Errorf("%+v, %v, want it to say that the keys are sealed twice", at, err)
	}
	if err := step(all[0], admin.ResealRequest{Step: admin.ResealFinish}); err != nil {
		t.Fatal(err)
	}
	signs("settled")
	all[1].stop()
	all[1].fails("of all of them", "sealed with another key")
}
