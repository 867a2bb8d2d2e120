package ca

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/ca/seal"
)

// A rotation goes to no authority whose key cannot be opened: the mesh would be without
// one that signs from then on.
func TestRotationRefusesAKeyThatCannotBeOpened(t *testing.T) {
	records := &memory{}
	a := load(t, records, time.Hour)
	spoil := func(m Material) *Material { m.Key = []byte("sealed elsewhere"); return &m }
	records.state.Supplied = spoil(records.state.Signer)
	records.state.Version++
	if err := a.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.Distribute(t.Context()); err == nil || records.state.Phase != Steady {
		t.Errorf("begin: %v, phase %q", err, records.state.Phase)
	}
	records.state.Supplied = nil
	records.state.Version++
	if err := a.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.Distribute(t.Context()); err != nil {
		t.Fatal(err)
	}
	good := *records.state.Next
	for name, next := range map[string]*Material{
		"cannot be opened": spoil(good),
		"another's key":    {Chain: good.Chain, Root: good.Root, Key: records.state.Signer.Key},
	} {
		records.state.Next = next
		if err := a.SignWithNext(t.Context()); err == nil || records.state.Phase != Distribute {
			t.Errorf("%s: %v, phase %q", name, err, records.state.Phase)
		}
	}
	records.state.Next = &good
	if err := a.SignWithNext(t.Context()); err != nil {
		t.Error(err)
	}
	load(t, records, time.Hour)
}

// A control plane that cannot open the keys in force stores nothing that it has sealed.
func TestNothingIsSuppliedByWhoCannotOpenTheKeys(t *testing.T) {
	records := &memory{}
	start := func(sealer Sealer, f Files) error {
		_, err := Load(t.Context(), Config{TrustDomain: "mesh.local", TTL: time.Hour, Supplied: f}, Deps{Records: records, Sealer: sealer})
		return err
	}
	right := seal.NewRing("right", filepath.Join(t.TempDir(), "key"))
	if err := start(right, Files{}); err != nil {
		t.Fatal(err)
	}
	files := authorityOf(t, "company root", nil, nil).files(t)
	if err := start(seal.NewRing("wrong", filepath.Join(t.TempDir(), "key")), files); err == nil || records.state.Supplied != nil {
		t.Errorf("with another passphrase: %v, supplied %v", err, records.state.Supplied)
	}
	if err := start(right, files); err != nil || records.state.Supplied == nil {
		t.Fatalf("with the right one: %v", err)
	}
	records.state.Supplied = &Material{Chain: records.state.Supplied.Chain, Root: records.state.Supplied.Root, Key: []byte("{}")}
	if err := start(right, files); err != nil || string(records.state.Supplied.Key) == "{}" {
		t.Errorf("a key that nobody opens is kept: %v", err)
	}
}

// When a passphrase comes, every key is sealed with it, and the file may go.
func TestKeysThatWaitAreSealedAnew(t *testing.T) {
	records, path := &memory{}, filepath.Join(t.TempDir(), "key")
	start := func(sealer Sealer, f Files) *Authority {
		a, err := Load(t.Context(), Config{TrustDomain: "mesh.local", TTL: time.Hour, Supplied: f}, Deps{Records: records, Sealer: sealer})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	if err := start(seal.NewRing("", path), Files{}).Distribute(t.Context()); err != nil {
		t.Fatal(err)
	}
	start(seal.NewRing("", path), authorityOf(t, "company root", nil, nil).files(t))
	ring := seal.NewRing("secret", path)
	a := start(ring, Files{})
	for name, key := range map[string][]byte{
		"signer": records.state.Signer.Key, "next": records.state.Next.Key, "next root": records.state.Next.RootKey, "supplied": records.state.Supplied.Key,
	} {
		if ring.Stale(key) {
			t.Errorf("%s: is sealed with the key of before", name)
		}
	}
	version := a.Trust().Version
	if err := a.Maintain(t.Context()); err != nil || a.Trust().Version != version {
		t.Errorf("sealed again: %v", err)
	}
}
