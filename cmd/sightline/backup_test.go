package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/backup"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

func command(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	c := newRoot()
	c.SetOut(&out)
	c.SetErr(&out)
	c.SetArgs(args)
	err := c.ExecuteContext(t.Context())
	return out.String(), err
}

func TestRestoreCommand(t *testing.T) {
	s, err := store.Open(t.Context(), store.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.TableOf[mesh.Resource](s, store.Resources).Create(t.Context(), "SLO/default/x", mesh.Resource{Kind: "SLO", Name: "x"}); err != nil {
		t.Fatal(err)
	}
	var raw bytes.Buffer
	if err := backup.Write(t.Context(), &raw, s, backup.Order{Mesh: "mesh.local", Passphrase: "open sesame", KeyFile: []byte("key")}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	files, dir := t.TempDir(), t.TempDir()
	put := func(name string, b []byte) string {
		path := filepath.Join(files, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good, cut := put("good", raw.Bytes()), put("cut", raw.Bytes()[:raw.Len()/2])
	pass := put("pass", []byte("open sesame\n"))
	for _, step := range []struct {
		args []string
		want string
	}{
		{[]string{"backup", "restore", cut, "--dir", dir}, "cut off"},
		{[]string{"backup", "restore", good, "--dir", dir, "--trust-domain", "other.local"}, "another mesh"},
		{[]string{"backup", "restore", good, "--dir", dir, "--passphrase-file", pass}, "1 records are back, with the CA"},
		{[]string{"backup", "restore", good, "--dir", dir}, "--force"},
		{[]string{"backup", "restore", good, "--dir", dir, "--passphrase-file", pass}, "ca.key is there already"},
		{[]string{"backup", "restore", good, "--dir", dir, "--force"}, "1 records are back, without the CA"},
		{[]string{"backup", "--dir", dir}, "want the file to write"},
		{[]string{"backup", "restore", good, "--dir", dir, "--etcd-name", "a", "--etcd-peers", "a=http://127.0.0.1:1,b=http://127.0.0.1:2,c=http://127.0.0.1:3", "--passphrase-file", pass, "--force"}, "member a is ready"},
		{[]string{"backup", "restore", good, "--dir", t.TempDir(), "--etcd-name", "x", "--etcd-peers", "a=http://127.0.0.1:1"}, "none of the peers"},
	} {
		out, err := command(t, step.args...)
		if err != nil {
			out += err.Error()
		}
		if !strings.Contains(out, step.want) {
			t.Errorf("%v: said %q, want %q", step.args, out, step.want)
		}
	}
	if key, err := os.ReadFile(filepath.Join(dir, "controlplane", "ca.key")); err != nil || string(key) != "key" {
		t.Errorf("key file: %q, %v", key, err)
	}
}
