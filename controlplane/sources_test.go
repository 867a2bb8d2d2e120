package controlplane

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

const fileService = `apiVersion: v1
kind: Service
metadata: {name: ledger}
spec: {selector: {app: ledger}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: vm-1}
spec: {address: 10.0.0.7, labels: {app: ledger}, serviceAccount: clerk}
`

const second = `---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: vm-2}
spec: {address: 10.0.0.8, labels: {app: ledger}}
`

// TestRegistryFileFromEndToEnd: what a file says comes to who calls the service, a bad
// edit is told of and changes nothing, not even over a restart, and a file that is no
// longer given is forgotten.
func TestRegistryFileFromEndToEnd(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "registry.yaml")
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(fileService)
	p := newPlant(t, func(c *Config) { c.RegistryFile = path })
	c := p.admin()
	web := p.sidecar(p.token(c), workload("web", "v1", "web-1"), "ledger")
	s := web.until(t, "arrival of ledger", "ledger", instances(1))
	if i := s.Instances[0]; i.Identity != "spiffe://mesh.local/ns/default/sa/clerk" || i.Plaintext || i.AppPort != 8080 || i.ID != "file/workloadentry/default/vm-1/ledger/10.0.0.7:8080" {
		t.Errorf("instance %+v", i)
	}
	write(fileService + second)
	s = web.until(t, "second machine", "ledger", instances(2))
	if i := s.Instances[1]; i.Identity != "" || !i.Plaintext {
		t.Errorf("instance without an account %+v", i)
	}
	all, err := c.Proxies(t.Context())
	if err != nil || len(all) != 3 || all[0].Instance.Origin != "file" || all[0].Instance.Since.IsZero() || all[2].Instance.Origin != "" {
		t.Errorf("proxies %+v, %v", all, err)
	}
	write(fileService + "---\nkind: nonsense\n")
	eventually(t, "trouble in the timeline", func() bool {
		events, err := c.Events(t.Context(), admin.EventQuery{Kind: mesh.EventRegistry})
		return err == nil && len(events) == 1 && strings.Contains(events[0].Summary, "line 11: document 3")
	})
	p.stop()
	p.start(nil)
	other := p.sidecar(p.token(p.admin()), workload("other", "v1", "other-1"), "ledger")
	other.until(t, "both machines after a restart with a bad file", "ledger", instances(2))
	p.stop()
	p.cfg.RegistryFile = ""
	p.start(nil)
	other.until(t, "nobody without the file", "ledger", instances(0))
}
