package up

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func TestEveryFaultIsNamed(t *testing.T) {
	c := Default()
	c.Dir, c.Listen, c.StoreListen, c.CertTTL = "", "8080", "localhost", 0
	c.ClickHouse, c.Alertmanager, c.PathNormalization = "user:secret@host", "alertmanager", "SOME"
	err := c.Validate()
	for _, want := range []string{"dir:", `listen: "8080"`, `store-listen: "localhost"`, "clickhouse:", "alertmanager:", "cert-ttl:", `path-normalization: "SOME" is not`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Validate = %v, want %q in it", err, want)
		}
	}
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the password is in the error: %v", err)
	}
	c = Default()
	c.Dir = t.TempDir()
	if err := c.Validate(); err != nil {
		t.Errorf("defaults with a directory: %v", err)
	}
}

// TestPathNormalizationIsPassedOn: and where nobody says it, the kept one is left alone.
func TestPathNormalizationIsPassedOn(t *testing.T) {
	c := Default()
	if args := strings.Join(c.controlPlaneProcess(io.Discard).Args, " "); strings.Contains(args, "path-normalization") {
		t.Errorf("unsaid: %s", args)
	}
	c.PathNormalization = mesh.PathMergeSlashes
	if args := strings.Join(c.controlPlaneProcess(io.Discard).Args, " "); !strings.Contains(args, "--path-normalization MERGE_SLASHES") {
		t.Errorf("said: %s", args)
	}
}

func TestLocalAddress(t *testing.T) {
	for listen, want := range map[string]string{
		":15012": "127.0.0.1:15012", "0.0.0.0:1": "127.0.0.1:1", "[::]:2": "127.0.0.1:2",
		"127.0.0.3:4": "127.0.0.3:4", "mesh.internal:5": "mesh.internal:5", "junk": "junk",
	} {
		if got := local(listen); got != want {
			t.Errorf("local(%q) = %q, want %q", listen, got, want)
		}
	}
}

func TestStorePasswordIsKeptPrivately(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.password")
	first, err := storePassword(path)
	if err != nil || len(first) < 20 {
		t.Fatalf("storePassword = %q, %v", first, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
	if again, err := storePassword(path); err != nil || again != first {
		t.Errorf("second start: %q, %v; want the same", again, err)
	}
}

func TestStoreOnASocket(t *testing.T) {
	c := Default()
	c.Dir, c.StoreListen = filepath.Join(t.TempDir(), "state"), "unix:/run/sightline/store.sock"
	c.Log = filepath.Join(c.Dir, "log")
	m, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	defer m.closeLogs()
	if args := strings.Join(m.store.Args, " "); !strings.Contains(args, "--listen "+c.StoreListen) {
		t.Errorf("the store's flags: %s", args)
	}
	if _, where, _ := strings.Cut(m.dsn, "@"); where != "localhost/sightline?socket=%2Frun%2Fsightline%2Fstore.sock" {
		t.Errorf("the store is asked at %s", where)
	}
	c.StoreListen = "unix"
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), `store-listen: "unix": want host:port`) {
		t.Errorf("got %v", err)
	}
}

func TestOneMeshToADirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "up.lock")
	unlock, err := lock(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock(path); err == nil || !strings.Contains(err.Error(), "in use by process") {
		t.Errorf("a second lock: %v, want the owner named", err)
	}
	unlock()
	if unlock, err = lock(path); err != nil {
		t.Fatalf("after it was given back: %v", err)
	}
	unlock()
}

func TestStatusOfErrors(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{&admin.Error{Status: http.StatusConflict}, http.StatusConflict},
		{clickhouse.ErrNotFound, http.StatusNotFound},
		{clickhouse.ErrBadQuery, http.StatusBadRequest},
		{os.ErrClosed, 0},
	} {
		if got := status(c.err); got != c.want {
			t.Errorf("status(%v) = %d, want %d", c.err, got, c.want)
		}
	}
}

func TestEmbeddedStoreIsNotStartedForAServer(t *testing.T) {
	c := Default()
	c.Dir, c.ClickHouse = filepath.Join(t.TempDir(), "state"), "clickhouse://user:pw@db:9000/sightline"
	c.Log = filepath.Join(c.Dir, "log")
	m, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	defer m.closeLogs()
	if m.store != nil || m.dsn != c.ClickHouse {
		t.Errorf("store process %v, address %q; want none and the server's", m.store, m.dsn)
	}
	if _, ok := m.PIDs()["store"]; ok {
		t.Error("a store that is not started has a process")
	}
}
