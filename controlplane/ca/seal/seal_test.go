package seal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const about = "CA key of mesh.local"

func TestSealed(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "state", "ca.key")
	secret := []byte("a private key")
	for name, c := range map[string]struct{ seals, opens *Ring }{
		"with a passphrase":            {NewRing("open sesame", file), NewRing("open sesame", "")},
		"with a file":                  {NewRing("", file), NewRing("", file)},
		"with a file, then passphrase": {NewRing("", file), NewRing("open sesame", file)},
	} {
		raw, err := c.seals.Encrypt(t.Context(), secret, about)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(raw, secret) {
			t.Errorf("%s: the secret can be read", name)
		}
		got, err := c.opens.Decrypt(t.Context(), raw, about)
		if err != nil || !bytes.Equal(got, secret) {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
		if _, err := c.opens.Decrypt(t.Context(), raw, "another"); !errors.Is(err, ErrWrongKey) {
			t.Errorf("%s: opened as another secret: %v", name, err)
		}
		if c.seals.Stale(raw) || c.opens.Stale(raw) != strings.Contains(name, "then") {
			t.Errorf("%s: stale says otherwise", name)
		}
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key file: %v, %v, want mode 0600", info, err)
	}
}

func TestNotOpened(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca.key")
	byPhrase, err := NewRing("open sesame", file).Encrypt(t.Context(), []byte("x"), about)
	if err != nil {
		t.Fatal(err)
	}
	byFile, err := NewRing("", file).Encrypt(t.Context(), []byte("x"), about)
	if err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(t.TempDir(), "broken")
	if err := os.WriteFile(broken, []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	changed := bytes.Replace(byPhrase, []byte(`"nonce":"`), []byte(`"nonce":"AAAA`), 1)
	for name, c := range map[string]struct {
		ring *Ring
		raw  []byte
		want string
	}{
		"another passphrase": {NewRing("close", file), byPhrase, "with the passphrase: sealed with another key"},
		"no passphrase":      {NewRing("", file), byPhrase, "needs the passphrase, and none is given"},
		"no file":            {NewRing("", file+".gone"), byFile, "ca.key.gone"},
		"a broken file":      {NewRing("", broken), byFile, broken + " does not hold 32 bytes in hex"},
		"a changed nonce":    {NewRing("open sesame", file), changed, "nonce has 27 bytes, want 24"},
		"nothing sealed":     {NewRing("", file), []byte("{"), about},
	} {
		got, err := c.ring.Decrypt(t.Context(), c.raw, about)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %q, %v, want an error with %q", name, got, err, c.want)
		}
	}
	if _, err := os.Stat(file + ".gone"); err == nil {
		t.Error("a key file was made in place of a lost one")
	}
}
