package controlplane

import (
	"slices"
	"testing"

	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// TestPropagationIsToldOfAllControlPlanes whichever is asked, and by each of its own.
func TestPropagationIsToldOfAllControlPlanes(t *testing.T) {
	t.Parallel()
	all := fleet(t)
	c := []*admin.Client{all[0].admin(), all[1].admin(), all[2].admin()}
	token := all[0].token(c[0])
	web := all[0].sidecar(token, workload("web", "v1", "web-1"), "reviews")
	job := all[1].sidecar(token, workload("job", "v1", "job-1"), "reviews")
	all[2].sidecar(token, workload("reviews", "v1", "reviews-1"))
	web.until(t, "arrival of reviews", "reviews", instances(1))
	job.until(t, "arrival of reviews", "reviews", instances(1))
	eventually(t, "both applications at every control plane", func() bool {
		for i := range c {
			p, err := c[i].Propagation(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			at := map[string]bool{}
			for _, change := range p.Changes {
				if slices.Contains(change.Services, mesh.ServiceName("reviews")) && change.Applied == 1 && change.Last > 0 {
					at[change.ControlPlane] = true
				}
			}
			if p.Count < 2 || p.Sum <= 0 || len(p.Buckets) == 0 || !at[all[0].cfg.Name] || !at[all[1].cfg.Name] {
				return false
			}
		}
		return true
	})
	own, err := c[2].OwnPropagation(t.Context())
	if err != nil || own.Count != 0 {
		t.Errorf("the third control plane counts %d by itself, %v, want 0: nobody there calls reviews", own.Count, err)
	}
	all[1].stop()
	eventually(t, "the silent one named or forgotten", func() bool {
		p, err := c[0].Propagation(t.Context())
		return err == nil && p.Count >= 1 && !slices.ContainsFunc(p.Changes, func(c mesh.ConfigChange) bool { return c.ControlPlane == all[1].cfg.Name })
	})
}
