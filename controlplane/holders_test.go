package controlplane

import (
	"slices"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// TestHoldersAreToldWithTheirRoot whichever control plane is asked, and through a rotation.
func TestHoldersAreToldWithTheirRoot(t *testing.T) {
	t.Parallel()
	all := fleet(t)
	c := all[0].admin()
	token := all[0].token(c)
	all[0].sidecar(token, workload("web", "v1", "web-1"), "reviews")
	all[1].sidecar(token, workload("reviews", "v1", "reviews-1"))
	root := func(role string) string {
		var a mesh.Authority
		eventually(t, "how the authority stands", func() (ok bool) { // a store that elects a leader answers nobody
			var err error
			a, err = c.Authority(t.Context())
			return err == nil
		})
		for _, r := range a.Roots {
			if r.Begins.IsZero() || !r.Begins.Before(r.Expires) {
				t.Errorf("root %s lives from %s to %s", r.Fingerprint, r.Begins, r.Expires)
			}
			if r.Role == role {
				return r.Fingerprint
			}
		}
		return ""
	}
	below := func(want string) func() bool {
		return func() bool {
			got, err := c.Holders(t.Context())
			if err != nil || len(got.Silent) > 0 {
				return false
			}
			n := 0
			for _, h := range got.Holders {
				if (h.Instance == "web-1" || h.Instance == "reviews-1") && h.Root == want && h.Expires.After(time.Now()) {
					n++
				}
			}
			return n == 2
		}
	}
	first := root("active")
	eventually(t, "both with a certificate of the root", below(first))
	var own mesh.Holders
	eventually(t, "one control plane's own", func() (ok bool) {
		var err error
		own, err = c.OwnHolders(t.Context())
		return err == nil
	})
	if slices.ContainsFunc(own.Holders, func(h mesh.Holder) bool { return h.Instance == "reviews-1" }) {
		t.Errorf("one control plane's own: %+v; want them without reviews-1", own)
	}
	rotate := func() {
		eventually(t, "a step of the rotation", func() bool {
			_, err := c.Rotate(t.Context(), admin.RotateRequest{By: "test"})
			return err == nil
		})
	}
	rotate()
	next := root("incoming")
	if next == "" || next == first || root("active") != first {
		t.Fatalf("while the new root is spread: active %q, incoming %q; before %q", root("active"), next, first)
	}
	rotate()
	eventually(t, "both with a certificate of the new root", below(next))
	if root("active") != next || root("retiring") != first {
		t.Errorf("while certificates are renewed: active %q, retiring %q; want %q, %q", root("active"), root("retiring"), next, first)
	}
}

func TestTheMostUrgentHoldersComeFirst(t *testing.T) {
	t.Parallel()
	at := func(d time.Duration) time.Time { return time.Unix(0, 0).Add(d) }
	all := []mesh.Holder{
		{Instance: "calm", Expires: at(time.Hour)},
		{Instance: "sooner", Expires: at(time.Minute)},
		{Instance: "fails", Failures: 3, Expires: at(2 * time.Hour)},
		{Instance: "warned", Alarm: "warning", Expires: at(3 * time.Hour)},
		{Instance: "expired", Alarm: "expired", Expires: at(4 * time.Hour)},
	}
	slices.SortFunc(all, byUrgency)
	var got []mesh.InstanceID
	for _, h := range all {
		got = append(got, h.Instance)
	}
	if want := []mesh.InstanceID{"expired", "warned", "fails", "sooner", "calm"}; !slices.Equal(got, want) {
		t.Errorf("order %v, want %v", got, want)
	}
}
