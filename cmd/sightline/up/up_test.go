package up

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/store/cold"
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

func TestWhereOldDaysGo(t *testing.T) {
	const key = "/etc/sightline/s3"
	for _, tt := range []struct {
		name  string
		set   func(c *Config)
		fault string
		tiers clickhouse.Tiers
		args  string
	}{
		{"nowhere", func(*Config) {}, "", clickhouse.Tiers{}, ""},
		{"a path", func(c *Config) { c.Cold.Path = "/mnt/cold" }, "", clickhouse.Tiers{Policy: "tiered", After: 48 * time.Hour}, "--cold-path /mnt/cold"},
		{"S3", func(c *Config) {
			c.Cold = cold.Config{S3: "https://s3/b/p", CredentialsFile: key, CacheBytes: 1 << 30}
			c.ColdAfter, c.ColdLimit = 24*time.Hour, 1<<40
		}, "", clickhouse.Tiers{Policy: "tiered", After: 24 * time.Hour}, "--cold-s3 https://s3/b/p --cold-s3-credentials-file " + key + " --cold-s3-cache 1073741824B"},
		{"a server's policy", func(c *Config) { c.ClickHouse, c.StoragePolicy = "http://db:8123/sightline", "slow" }, "", clickhouse.Tiers{Policy: "slow", After: 48 * time.Hour}, ""},
		{"a path of a server", func(c *Config) { c.ClickHouse, c.Cold.Path = "http://db:8123/sightline", "/mnt/cold" }, "cold-path, cold-s3: want neither with clickhouse", clickhouse.Tiers{}, ""},
		{"a policy of the embedded", func(c *Config) { c.StoragePolicy = "slow" }, "storage-policy: want clickhouse", clickhouse.Tiers{}, ""},
		{"an age alone", func(c *Config) { c.ColdAfter = time.Hour }, "cold-after: want cold-path", clickhouse.Tiers{}, ""},
		{"a limit alone", func(c *Config) { c.ColdLimit = 1 }, "cold-limit: want cold-path", clickhouse.Tiers{}, ""},
		{"half an hour", func(c *Config) { c.Cold.Path, c.ColdAfter = "/mnt/cold", 30*time.Minute }, "cold-after", clickhouse.Tiers{}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := Default()
			c.Dir = t.TempDir()
			tt.set(&c)
			err := c.Validate()
			switch {
			case tt.fault != "":
				if err == nil || !strings.Contains(err.Error(), tt.fault) {
					t.Errorf("Validate = %v, want %q in it", err, tt.fault)
				}
				return
			case err != nil:
				t.Error(err)
			case c.tiers() != tt.tiers:
				t.Errorf("old days go to %+v, want %+v", c.tiers(), tt.tiers)
			}
			if args := strings.Join(c.storeProcess("", io.Discard).Args, " "); !strings.HasSuffix(args, tt.args) {
				t.Errorf("the store's flags: %s; want %s", args, tt.args)
			}
		})
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
