package file

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

const service = `apiVersion: v1
kind: Service
metadata: {name: ledger, namespace: shop}
spec: {selector: {app: ledger}, ports: [{name: http, port: 80, targetPort: 8080}]}
`

func machine(name, address string) string {
	return fmt.Sprintf("---\napiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: %s, namespace: shop}\nspec: {address: %s, labels: {app: ledger}}\n", name, address)
}

// heard is what a source says, newest last.
type heard struct {
	mu      sync.Mutex
	all     []mesh.Instance
	trouble string
}

func (h *heard) Replace(all []mesh.Instance) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = all
}

func (h *heard) Trouble(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.trouble = ""; err != nil {
		h.trouble = err.Error()
	}
}

func (h *heard) now() (addresses, trouble string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []string
	for _, i := range h.all {
		out = append(out, i.Address.String())
	}
	return strings.Join(out, " "), h.trouble
}

// TestEdits is a file's life: it comes late, is edited, half written, turned by a link,
// removed and mended.
func TestEdits(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "registry.yaml")
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		h := &heard{}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- New(path, "mesh.local").Run(ctx, h) }()
		settle := func(when, addresses, trouble string) {
			t.Helper()
			time.Sleep(5 * look)
			synctest.Wait()
			got, why := h.now()
			if got != addresses || !strings.Contains(why, trouble) || trouble == "" && why != "" {
				t.Errorf("%s: %s, trouble %q; want %s, %q", when, got, why, addresses, trouble)
			}
		}
		settle("not there yet", "", "no such file")
		write("registry.yaml", service+machine("vm-1", "10.0.0.7"))
		settle("there", "10.0.0.7:8080", "")
		write("registry.yaml", service+machine("vm-1", "10.0.0.7")+machine("vm-2", "10.0.0.8"))
		settle("edited", "10.0.0.7:8080 10.0.0.8:8080", "")
		write("registry.yaml", service+machine("vm-1", "10.0.0.7")+"---\nkind: Wor")
		settle("half written", "10.0.0.7:8080 10.0.0.8:8080", "registry.yaml: line 11:")
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		settle("gone", "10.0.0.7:8080 10.0.0.8:8080", "no such file")
		write("v2", service+machine("vm-3", "10.0.0.9"))
		if err := os.Symlink("v2", path); err != nil {
			t.Fatal(err)
		}
		settle("linked", "10.0.0.9:8080", "")
		write("v3", service+machine("vm-3", "10.0.0.1"))
		if err := os.Symlink("v3", filepath.Join(dir, "next")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "next"), path); err != nil {
			t.Fatal(err)
		}
		settle("the link is turned", "10.0.0.1:8080", "")
		write("v3", strings.Repeat("#", 1<<20+1))
		settle("too large", "10.0.0.1:8080", "at most 1048576")
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestParse(t *testing.T) {
	entry := machine("vm-1", "10.0.0.7")
	for _, c := range []struct{ name, content, want string }{
		{"nobody now", service, ""},
		{"a port that is named", strings.Replace(service, "targetPort: 8080", "targetPort: web", 1) + entry, `line 9: WorkloadEntry shop/vm-1: spec.ports: has none of the ports of Service shop/ledger`},
		{"no service", entry, `line 5: WorkloadEntry shop/vm-1: spec.labels: {"app":"ledger"} are selected by no Service and no ServiceEntry of namespace shop`},
		{"another kind", service + entry + "---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: x}\nspec: {hosts: [x], resolution: STATIC, ports: [{number: 80, name: a, protocol: HTTP}], endpoints: [{address: 10.0.0.1}]}", "ServiceEntry default/x: is no kind of a registry's file; want WorkloadEntry and Service"},
		{"a slip", service + strings.Replace(entry, "labels", "label", 1), `spec.label: unknown field (value {"app":"ledger"}); did you mean "labels"?`},
		{"twice", service + entry + entry, `WorkloadEntry shop/vm-1: metadata.name: "vm-1" is in the manifest twice`},
		{"nothing", "# nothing\n", "the manifest holds no resource"},
	} {
		all, err := Parse([]byte(c.content), "mesh.local")
		if c.want == "" && err != nil || c.want != "" && (err == nil || all != nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
	all, err := Parse([]byte(service+entry), "mesh.local")
	if err != nil || len(all) != 1 || all[0].Address != netip.MustParseAddrPort("10.0.0.7:8080") || all[0].Service != "ledger.shop" {
		t.Errorf("%+v, %v", all, err)
	}
}

// TestParseDraining: a machine that is about to go stays known, by the same id, as one that
// takes no new requests.
func TestParseDraining(t *testing.T) {
	entry := machine("vm-1", "10.0.0.7")
	state := func(s string) string {
		return service + strings.Replace(entry, "namespace: shop}", "namespace: shop, annotations: {sightline.dev/state: "+s+"}}", 1)
	}
	plain, err := Parse([]byte(service+entry), "mesh.local")
	if err != nil {
		t.Fatal(err)
	}
	for s, want := range map[string]mesh.InstanceState{"ready": mesh.Ready, "draining": mesh.Draining} {
		all, err := Parse([]byte(state(s)), "mesh.local")
		if err != nil || len(all) != 1 || all[0].State != want || all[0].ID != plain[0].ID {
			t.Errorf("%s: %+v, %v; want %s of state %s", s, all, err, plain[0].ID, want)
		}
	}
	const wrong = `line 8: WorkloadEntry shop/vm-1: metadata.annotations["sightline.dev/state"]: "gone" is no state; want ready or draining`
	if all, err := Parse([]byte(state("gone")), "mesh.local"); err == nil || all != nil || err.Error() != wrong {
		t.Errorf("%+v, %v; want %s", all, err, wrong)
	}
}

// FuzzParse holds that every instance there is can be called: by an address, as a service.
func FuzzParse(f *testing.F) {
	f.Add([]byte(service + machine("ledger-1", "10.0.0.1")))
	f.Add([]byte(machine("a", "10.0.0.1")))
	f.Add([]byte(service + strings.Replace(machine("a", "10.0.0.1"), "namespace: shop}", "namespace: shop, annotations: {sightline.dev/state: draining}}", 1)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		all, err := Parse(raw, "mesh.local")
		if err != nil && (len(all) > 0 || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%d instances beside %q", len(all), err)
		}
		for _, i := range all {
			if !i.Address.IsValid() || i.Address.Port() == 0 || i.Service == "" || i.ID == "" {
				t.Errorf("%+v cannot be called", i)
			}
		}
	})
}
