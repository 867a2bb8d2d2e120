package controlplane

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/admin"
)

// conflicts is an error unless something was refused for now, with what is said.
func conflicts(t *testing.T, err error, says string) {
	t.Helper()
	if refused, ok := errors.AsType[*admin.Error](err); !ok || refused.Status != http.StatusConflict || !strings.Contains(err.Error(), says) {
		t.Errorf("got %v, want a conflict with %q", err, says)
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
	late := all[1].cfg
	late.CAPassphrase = "of all of them"
	cp, err := New(late, Deps{Logger: logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := cp.Run(ctx); err == nil || !strings.Contains(err.Error(), "sealed with another key") {
		t.Errorf("with the passphrase of before: %v", err)
	}
}
