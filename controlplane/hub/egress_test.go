package hub

import (
	"testing"
	"testing/synctest"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

const webSees = `
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: web, namespace: shop}
spec: {workloadSelector: {labels: {app: web}}, egress: [{hosts: ["./*"]}]}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: all, namespace: istio-system}
spec: {egress: [{hosts: ["./*", "bank/*"]}]}
`

// TestWhatASidecarDoesNotSeeIsNotPushed: it is unknown to it, and its changes do not wake
// it, until a route of what it sees names it, or the Sidecar goes.
func TestWhatASidecarDoesNotSeeIsNotPushed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source{}
		services := map[mesh.ServiceName][]mesh.Route{"cart.shop": nil, "vault.bank": nil, "ratings": nil}
		src.set(1, services)
		src.police(t, 1, webSees)
		h := run(t, src, Deps{})
		synctest.Wait()
		join := func(app string) *Feed {
			f := h.Join(Joining{Instance: mesh.Instance{ID: mesh.InstanceID(app), Service: mesh.ServiceName(app + ".shop"), Labels: map[string]string{"app": app}}})
			f.Want([]mesh.ServiceName{"cart.shop", "vault.bank", "ratings"})
			return f
		}
		known := func(p Push) (names []mesh.ServiceName) {
			for _, s := range p.Snapshots {
				if s.Known {
					names = append(names, s.Service)
				}
			}
			return names
		}
		web, other := join("web"), join("other")
		p, _ := next(t, web)
		if got := known(p); len(p.Services) != 3 || len(p.Snapshots) != 3 || len(got) != 1 || got[0] != "cart.shop" {
			t.Errorf("web is told of %v of %v", got, p.Services)
		}
		p, _ = next(t, other)
		if got := known(p); len(got) != 2 || got[1] != "vault.bank" {
			t.Errorf("another workload is told of %v", got)
		}
		if readers := len(h.readers["vault.bank"]); readers != 1 {
			t.Errorf("%d sidecars are told of changes of vault", readers)
		}

		services["vault.bank"] = to("vault.bank")
		src.set(2, services)
		src.police(t, 2, webSees)
		h.NotifyNow()
		if p, _ := next(t, other); p.Version != 2 || len(p.Snapshots) != 1 {
			t.Errorf("who sees vault is sent %+v", p)
		}
		synctest.Wait()
		if p, ok := web.take(); ok {
			t.Errorf("who does not see vault is sent %+v", p)
		}

		services["cart.shop"] = to("vault.bank") // what is seen sends requests there
		src.set(3, services)
		src.police(t, 3, webSees)
		h.NotifyNow()
		p, _ = next(t, web)
		if got := known(p); len(got) != 2 {
			t.Errorf("behind a route: %v", got)
		}

		services["cart.shop"] = nil
		src.set(4, services)
		src.police(t, 4, webSees)
		h.NotifyNow()
		p, _ = next(t, web)
		if got := known(p); len(p.Snapshots) != 2 || len(got) != 1 {
			t.Errorf("without the route: %v of %d", got, len(p.Snapshots))
		}

		src.set(5, services)
		src.police(t, 5, forVault)
		h.NotifyNow()
		p, _ = next(t, web)
		if got := known(p); len(got) != 2 || got[0] != "ratings" || got[1] != "vault.bank" {
			t.Errorf("without the Sidecar: %v", got)
		}
	})
}
