package cold

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/collector/store/engine"
)

func TestValidate(t *testing.T) {
	for _, tt := range []struct {
		want string
		c    Config
	}{
		{"", Config{}},
		{"", Config{Path: "/mnt/cold"}},
		{"", Config{S3: "https://s3.example.com/bucket/prefix", CredentialsFile: "key", CacheBytes: 1}},
		{"cold-path, cold-s3: want one", Config{Path: "/mnt/cold", S3: "https://s3.example.com/bucket/prefix"}},
		{"cold-s3: want the URL", Config{S3: "s3://bucket/prefix"}},
		{"cold-s3: want the URL", Config{S3: "https://s3.example.com/"}},
		{"cold-s3: want no key", Config{S3: "https://me:secret@s3.example.com/bucket/prefix"}},
		{"cold-s3: want the URL", Config{S3: "https://me:secret@s3.example.com/%zz"}},
		{"cold-s3-credentials-file", Config{Path: "/mnt/cold", CredentialsFile: "key"}},
		{"cold-s3-cache", Config{CacheBytes: 1}},
	} {
		err := tt.c.Validate()
		if (err == nil) != (tt.want == "") || err != nil && (!strings.HasPrefix(err.Error(), tt.want) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%+v: %v, want %q", tt.c, err, tt.want)
		}
	}
}

// used is a store that has a path for old days, and the engine has started with it.
func used(t *testing.T) (dir, path string) {
	t.Helper()
	dir, path = t.TempDir(), t.TempDir()
	d, err := Settle(Config{Path: path}, dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Begin(); err != nil {
		t.Fatal(err)
	}
	if err := d.Used(); err != nil {
		t.Fatal(err)
	}
	return dir, path
}

func refused(t *testing.T, c Config, dir, want string) {
	t.Helper()
	before := listed(t, dir)
	if d, err := Settle(c, dir); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%+v, %v; want %q", d, err, want)
	}
	if diff := cmp.Diff(before, listed(t, dir)); diff != "" {
		t.Errorf("something was begun:\n%s", diff)
	}
}

func listed(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, _ := os.ReadFile(filepath.Join(dir, e.Name())) // a directory has none
		all[e.Name()] = string(b)
	}
	return all
}

func TestPathsThatAreRefused(t *testing.T) {
	dir := t.TempDir()
	inside, link, file := filepath.Join(dir, "cold"), filepath.Join(t.TempDir(), "link"), filepath.Join(t.TempDir(), "file")
	if err := os.Mkdir(inside, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(inside, link); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "none"): "cold-path: want a directory that is there",
		inside:                     "cold-path: " + inside + " and the store's directory",
		dir:                        "cold-path: " + dir + " and the store's directory",
		filepath.Dir(dir):          "cold-path: " + filepath.Dir(dir) + " and the store's directory",
		link:                       "cold-path: " + link + " and the store's directory",
		file:                       "cold-path: " + file + ": want a directory",
	} {
		refused(t, Config{Path: path}, dir, want)
	}
}

func TestDisksThatAreNotAsTheyWere(t *testing.T) {
	dir, path := used(t)
	other, another := used(t)
	refused(t, Config{Path: another}, dir, "cold-path: "+another+" is another store's")
	refused(t, Config{Path: t.TempDir()}, dir, "cold-path: ")
	refused(t, Config{S3: "https://s3.example.com/bucket/prefix"}, dir, "cold-s3: old days of the store lie in "+path)
	if d, err := Settle(Config{}, dir); err != nil || !d.Leaving() || d.Place() != path {
		t.Errorf("without the flag: %+v, %v", d, err)
	}
	if err := os.Remove(filepath.Join(path, markName)); err != nil { // as where it is not mounted
		t.Fatal(err)
	}
	for _, c := range []Config{{Path: path}, {}} {
		refused(t, c, dir, "cold-path: "+path+" has no "+markName)
	}
	// A file system may be mounted somewhere else.
	moved := filepath.Join(t.TempDir(), "moved")
	if err := os.Rename(another, moved); err != nil {
		t.Fatal(err)
	}
	d, err := Settle(Config{Path: moved}, other)
	if err != nil || d.Leaving() || d.There() != nil {
		t.Fatalf("mounted elsewhere: %+v, %v", d, err)
	}
	if err := os.RemoveAll(moved); err != nil {
		t.Fatal(err)
	}
	if err := d.There(); err == nil {
		t.Error("a path that is gone is there")
	}
}

// A start that failed binds the store to nothing.
func TestABeginningAloneIsForgotten(t *testing.T) {
	dir, path := t.TempDir(), t.TempDir()
	d, err := Settle(Config{Path: path}, dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Begin(); err != nil {
		t.Fatal(err)
	}
	if d, err := Settle(Config{}, dir); d != nil || err != nil {
		t.Errorf("without the flag: %+v, %v", d, err)
	}
	for _, c := range []Config{{Path: path}, {Path: t.TempDir()}, {S3: "https://s3.example.com/bucket/prefix"}} {
		if d, err := Settle(c, dir); err != nil || d.Engine().Known {
			t.Errorf("%+v: %+v, %v", c, d, err)
		}
	}
}

func TestKeys(t *testing.T) {
	for text, want := range map[string]engine.Credentials{
		"[default]\naws_access_key_id = me\naws_secret_access_key=a=b\n":                                               {ID: "me", Secret: "a=b"},
		"aws_access_key_id=me\naws_secret_access_key=s\naws_session_token=t\n[other]\naws_access_key_id=you\nregion=x": {ID: "me", Secret: "s", Token: "t"},
		"aws_access_key_id = me\n": {},
		"secret":                   {},
	} {
		file := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := Settle(Config{S3: "https://s3.example.com/bucket/prefix", CredentialsFile: file}, t.TempDir())
		switch {
		case want == engine.Credentials{}:
			if err == nil || !strings.HasPrefix(err.Error(), "cold-s3-credentials-file: ") || strings.Contains(err.Error(), "secret\n") {
				t.Errorf("%q: %v", text, err)
			}
		case err != nil || *d.Engine().Credentials != want || d.Engine().URL != "https://s3.example.com/bucket/prefix/":
			t.Errorf("%q: %+v, %v", text, d, err)
		}
	}
}

// What is written down beside the store holds no key.
func TestNoKeyIsKept(t *testing.T) {
	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("aws_access_key_id = some-id\naws_secret_access_key = some-secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := Settle(Config{S3: "https://s3.example.com/bucket/prefix", CredentialsFile: file}, dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Used(); err != nil {
		t.Fatal(err)
	}
	if text := listed(t, dir)[recordName]; !strings.Contains(text, file) || strings.Contains(text, "some-") {
		t.Errorf("written down: %s", text)
	}
	if d, err = Settle(Config{}, dir); err != nil || !d.Leaving() || d.Engine().Credentials.Secret != "some-secret" {
		t.Errorf("without the flags: %+v, %v", d, err)
	}
}

func TestAway(t *testing.T) {
	s := httptest.NewServer(nil)
	d := Disk{Config: Config{S3: s.URL + "/bucket/"}}
	if err := d.Away(t.Context()); err != nil {
		t.Errorf("it answers: %v", err)
	}
	s.Close()
	if err := d.Away(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "cold-s3: "+s.URL) {
		t.Errorf("it does not answer: %v", err)
	}
	if err := (&Disk{Config: Config{Path: "/"}}).Away(t.Context()); err != nil {
		t.Error(err)
	}
}
