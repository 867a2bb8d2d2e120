package ca

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/identity"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func TestRevoked(t *testing.T) {
	now := time.Now()
	a := load(t, &memory{}, time.Hour)
	a.now = func() time.Time { return now }
	first, second := chainOf(t, a), chainOf(t, a)
	serial := first[0].SerialNumber.Text(16)
	if _, err := a.Revoke(t.Context(), strings.ToUpper(serial[:4])+":"+serial[4:], mesh.Leaf{Expires: first[0].NotAfter}, "ada", "stolen"); err != nil {
		t.Fatal(err)
	}
	if err := a.Admit(first); !errors.Is(err, identity.ErrRevoked) {
		t.Errorf("revoked by its serial number: %v", err)
	}
	if err := a.Admit(second); err != nil {
		t.Errorf("another of the same workload: %v", err)
	}
	now = now.Add(time.Second)
	if _, err := a.Revoke(t.Context(), "spiffe://mesh.local/ns/default/sa/reviews", mesh.Leaf{}, "ada", ""); err != nil {
		t.Fatal(err)
	}
	if err := a.Admit(second); !errors.Is(err, identity.ErrRevoked) {
		t.Errorf("revoked by its identity: %v", err)
	}
	now = now.Add(time.Second)
	if err := a.Admit(chainOf(t, a)); err != nil {
		t.Errorf("issued since then: %v", err)
	}
	if n := len(a.Trust().Revoked); n != 2 {
		t.Errorf("%d revocations", n)
	}
	now = first[0].NotAfter.Add(time.Second) // the first says nothing any more
	if list := a.Trust().Revoked; len(list) != 1 || list[0].Serial != "" {
		t.Errorf("after the end of the certificate: %+v", list)
	}
	now = now.Add(longestLife)
	if list := a.Trust().Revoked; len(list) != 0 {
		t.Errorf("after the longest life: %+v", list)
	}
}

func TestRevokeRefuses(t *testing.T) {
	a := load(t, &memory{}, time.Hour)
	for what, want := range map[string]string{
		"":                               "want a serial number",
		"xyz":                            "want a serial number",
		"0":                              "want a serial number",
		"spiffe://other.local/ns/a/sa/b": `not of trust domain "mesh.local"`,
		"https://mesh.local/ns/a/sa/b":   "https://mesh.local",
		"spiffe://mesh.local/ns/sightline/sa/controlplane": "rotate the CA instead",
	} {
		if _, err := a.Revoke(t.Context(), what, mesh.Leaf{}, "ada", ""); !errors.Is(err, ErrBadRevocation) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", what, err, want)
		}
	}
}

func TestRevocationsAreBounded(t *testing.T) {
	records := &memory{}
	a := load(t, records, time.Hour)
	for i := range mostRevoked {
		records.state.Revoked = append(records.state.Revoked, mesh.Revocation{Serial: fmt.Sprintf("%x", i+1), Expires: time.Now().Add(time.Hour)})
	}
	if _, err := a.Revoke(t.Context(), "1", mesh.Leaf{}, "ada", ""); err != nil {
		t.Errorf("one that is there already: %v", err)
	}
	if _, err := a.Revoke(t.Context(), "abcdef", mesh.Leaf{}, "ada", ""); !errors.Is(err, ErrTooManyRevoked) {
		t.Errorf("one too many: %v", err)
	}
	records.state.Revoked[0].Expires = time.Now().Add(-time.Hour)
	if _, err := a.Revoke(t.Context(), "abcdef", mesh.Leaf{}, "ada", ""); err != nil {
		t.Errorf("in the place of one that has expired: %v", err)
	}
}
