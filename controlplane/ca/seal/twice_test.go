package seal

import (
	"path/filepath"
	"testing"
)

// While a passphrase is replaced, who has the one of before and who has the new one open
// what is sealed; after that only who has the one that was kept.
func TestPassphraseIsReplaced(t *testing.T) {
	ctx, file := t.Context(), filepath.Join(t.TempDir(), "ca.key")
	for name, before := range map[string]*Ring{"a passphrase": NewRing("old", ""), "a key in a file": NewRing("", file)} {
		after := NewRing("new", "")
		once, err := before.Encrypt(ctx, []byte("key"), about)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := after.Adder("new").Add(ctx, once, about); err == nil {
			t.Errorf("%s: who cannot open it has added a passphrase", name)
		}
		twice, err := before.Adder("new").Add(ctx, once, about)
		if err != nil {
			t.Fatal(err)
		}
		first, has := before.Added(twice, about)
		if second, hasToo := after.Added(twice, about); first == "" || first != second || has || !hasToo {
			t.Errorf("%s: added %q, %v, and %q, %v", name, first, has, second, hasToo)
		}
		if before.Stale(twice) || after.Stale(twice) {
			t.Errorf("%s: somebody would seal it anew on their own", name)
		}
		kept, err := Settle(twice, true, about)
		if err != nil {
			t.Fatal(err)
		}
		left, err := Settle(twice, false, about)
		if err != nil {
			t.Fatal(err)
		}
		for what, c := range map[string]struct {
			raw  []byte
			ring *Ring
			good bool
		}{
			"twice, of before": {twice, before, true}, "twice, the new one": {twice, after, true},
			"settled, of before": {kept, before, false}, "settled, the new one": {kept, after, true},
			"abandoned, of before": {left, before, true}, "abandoned, the new one": {left, after, false},
		} {
			secret, err := c.ring.Decrypt(ctx, c.raw, about)
			if good := err == nil && string(secret) == "key"; good != c.good {
				t.Errorf("%s, %s: %q, %v", name, what, secret, err)
			}
		}
	}
}

// One that was added by mistake is replaced by the next.
func TestAddedPassphraseIsReplaced(t *testing.T) {
	ctx, before := t.Context(), NewRing("", filepath.Join(t.TempDir(), "ca.key"))
	raw, err := before.Encrypt(ctx, []byte("key"), about)
	for _, next := range []string{"nwe", "new"} {
		if err == nil {
			raw, err = before.Adder(next).Add(ctx, raw, about)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	for passphrase, good := range map[string]bool{"nwe": false, "new": true} {
		if _, err := NewRing(passphrase, "").Decrypt(ctx, raw, about); (err == nil) != good {
			t.Errorf("%s: %v", passphrase, err)
		}
	}
}
