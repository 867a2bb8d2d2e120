package controlplane

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/backup"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

// A mesh goes on from its backup at another place: its configuration is there, who had
// a certificate or a join token is let in, and sidecars are told what they were told.
func TestAMeshGoesOnFromItsBackup(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	c := p.admin()
	token := p.token(c)
	web := p.sidecar(token, workload("web", "v1", "web-1"), "reviews")
	p.sidecar(token, workload("reviews", "v1", "reviews-1"))
	p.sidecar(token, workload("reviews", "v2", "reviews-2"))
	web.until(t, "arrival of reviews", "reviews", instances(2))
	apply(t, c, destinationRule+"---\n"+virtualService)

	var file bytes.Buffer
	err := c.Backup(t.Context(), admin.BackupRequest{Passphrase: "open sesame", Token: "guess"}, &file)
	if refused, ok := errors.AsType[*admin.Error](err); !ok || refused.Status != http.StatusForbidden || file.Len() > 0 {
		t.Errorf("the CA for who cannot read the directory: got %v and %d bytes, want 403", err, file.Len())
	}
	if err := c.Backup(t.Context(), admin.BackupRequest{Passphrase: "open sesame", Token: p.systemToken()}, &file); err != nil {
		t.Fatal(err)
	}
	p.stop()
	b, err := backup.Read(&file)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s, err := store.Open(t.Context(), store.Config{Dir: filepath.Join(dir, "etcd")})
	if err != nil {
		t.Fatal(err)
	}
	done, err := b.Restore(t.Context(), backup.Target{Store: s, Mesh: p.cfg.TrustDomain, Passphrase: "open sesame"})
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, KeyFile), done.KeyFile, 0o600); err != nil {
		t.Fatal(err)
	}

	p.cfg.Dir = dir
	p.start(nil)
	resources, err := c.Resources(t.Context(), "")
	if err != nil || len(resources) != 2 || resources[0].By != "ada" {
		t.Errorf("resources: %+v, %v", resources, err)
	}
	web.until(t, "what it was told before", "reviews", func(s mesh.Snapshot) bool {
		return len(s.Instances) == 2 && splits(map[string]uint32{"v1": 80, "v2": 20})(s)
	})
	p.sidecar(token, workload("reviews", "v2", "reviews-3"))
	web.until(t, "arrival of one with a token of before", "reviews", instances(3))
}
