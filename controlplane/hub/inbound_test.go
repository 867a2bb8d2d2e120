package hub

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/compile"
	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func (s *source) police(t *testing.T, version uint64, manifest string) {
	t.Helper()
	objects, err := config.Parse([]byte(manifest))
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Version, s.state.Policies = version, compile.InboundPolicies(objects)
}

// policed says which policies the newest state has others of.
func (s *source) policed(names ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = time.Now()
	s.state.Policed, s.state.PolicedAt = names, s.at
}

const forVault = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: p}
spec: {selector: {matchLabels: {app: vault}}, action: DENY, rules: [{}]}
`

func TestOnlyWhoIsSelectedIsSentAPolicy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source{}
		src.set(1, map[mesh.ServiceName][]mesh.Route{"vault": nil})
		h := run(t, src, Deps{})
		synctest.Wait()
		join := func(app string) *Feed {
			f := h.Join(Joining{Instance: mesh.Instance{ID: mesh.InstanceID(app), Service: mesh.ServiceName(app), Labels: map[string]string{"app": app}}})
			f.Want([]mesh.ServiceName{"vault"})
			if p, _ := next(t, f); p.Inbound == nil || len(p.Inbound.Authorization) != 0 {
				t.Errorf("%s: the first push says %+v, want that nothing is enforced", app, p.Inbound)
			}
			return f
		}
		vault, web := join("vault"), join("web")

		src.police(t, 2, forVault)
		h.NotifyNow()
		p, _ := next(t, vault)
		if p.Inbound == nil || p.Inbound.Version != 2 || len(p.Inbound.Authorization) != 1 {
			t.Errorf("vault is sent %+v", p.Inbound)
		}
		src.set(3, map[mesh.ServiceName][]mesh.Route{"vault": to("x")})
		src.police(t, 3, forVault)
		h.NotifyNow()
		for _, f := range []*Feed{vault, web} {
			if p, _ := next(t, f); p.Version != 3 || p.Inbound != nil {
				t.Errorf("%s is sent %+v, want the change of the routes alone", f.joining.Instance.ID, p)
			}
		}
		src.police(t, 4, strings.Replace(forVault, "vault", "other", 1))
		h.NotifyNow()
		if p, _ := next(t, vault); p.Inbound == nil || len(p.Inbound.Authorization) != 0 {
			t.Errorf("after its end: %+v", p)
		}
	})
}
