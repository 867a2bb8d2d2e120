package hub

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// A policy is on its way to those that it selects as a route is to those that read it: one
// that has not answered is pending, and one that reads slowly too.
func TestPoliciesAreTimedFromTheCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source{}
		src.set(1, map[mesh.ServiceName][]mesh.Route{"a": nil})
		h := run(t, src, Deps{})
		join := func(id mesh.InstanceID, app string, wants ...mesh.ServiceName) *Feed {
			f := h.Join(Joining{Instance: mesh.Instance{ID: id, Service: "vault", Labels: map[string]string{"app": app}}})
			f.Want(wants)
			p, _ := next(t, f)
			f.Answer(Answer{Sequence: p.Sequence, Accepted: true})
			return f
		}
		prompt, refusing, slow := join("prompt", "vault", "a"), join("refusing", "vault"), join("slow", "vault")
		other := join("other", "web", "a")

		src.police(t, 2, forVault)
		src.policed("AuthorizationPolicy default/p")
		h.NotifyNow()
		synctest.Wait()
		for _, f := range []*Feed{prompt, refusing, slow} {
			if s := f.status(); s.InSync || !s.Behind.Equal(time.Now()) {
				t.Errorf("%s before it was sent: in sync %v, behind since %s", s.Instance.ID, s.InSync, s.Behind)
			}
		}
		if s := other.status(); !s.InSync {
			t.Error("one that the policy is not about is not in sync")
		}
		time.Sleep(20 * time.Millisecond)
		p, _ := next(t, prompt)
		prompt.Answer(Answer{Sequence: p.Sequence, Accepted: true})
		p, _ = next(t, refusing)
		refusing.Answer(Answer{Sequence: p.Sequence, Reason: "no"})
		want := []mesh.ConfigChange{{
			Version: 2, Policies: []string{"AuthorizationPolicy default/p"}, PoliciesChanged: 1,
			Sidecars: 3, Applied: 1, Refused: 1, P50: 20, Last: 20,
		}}
		noTime := cmp.Options{cmpopts.IgnoreFields(mesh.ConfigChange{}, "Committed"), cmpopts.EquateEmpty()}
		if diff := cmp.Diff(want, h.Changes(), noTime); diff != "" {
			t.Errorf("with the slow one missing: %s", diff)
		}

		src.police(t, 3, `{apiVersion: security.istio.io/v1, kind: RequestAuthentication, metadata: {name: r, namespace: elsewhere}, spec: {jwtRules: [{issuer: x, jwksUri: "https://x"}]}}`)
		src.policed("AuthorizationPolicy default/p")
		h.NotifyNow()
		synctest.Wait()
		if _, ok := next(t, slow); ok {
			t.Error("one that read neither the policy nor its end is sent something")
		}
		if s := slow.status(); !s.InSync || !s.Behind.IsZero() {
			t.Errorf("after that it is in sync %v, behind since %s", s.InSync, s.Behind)
		}
		want[0].Sidecars = 2
		if diff := cmp.Diff(want, h.Changes()[1:], noTime); diff != "" {
			t.Errorf("after what was changed was changed back: %s", diff)
		}
		for f, sidecars := range map[*Feed]int{prompt: 2, refusing: 2} {
			p, _ := next(t, f)
			f.Answer(Answer{Sequence: p.Sequence, Accepted: true})
			if n := h.Changes()[0].Sidecars; n != sidecars {
				t.Errorf("the end concerns %d sidecars, want %d", n, sidecars)
			}
		}
		if c := h.Changes()[0]; c.Open() || c.Applied != 2 {
			t.Errorf("the end came to %+v", c)
		}
	})
}
