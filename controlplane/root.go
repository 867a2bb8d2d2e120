package controlplane

import (
	"context"
	"errors"
	"fmt"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

// istioRoot is the namespace that stands for the mesh's own in manifests. Before it did,
// a policy in it was for the workloads of a namespace of that name.
const istioRoot = "istio-system"

// sayRoots tells, once for a store, of the policies that a control plane before this one
// kept in istio-system: they now hold for the whole mesh, or for what they select in all of
// it.
func (p *plane) sayRoots(ctx context.Context) {
	told := store.TableOf[struct{}](p.store, store.Marks)
	_, err := told.Get(ctx, istioRoot)
	if err == nil {
		return
	}
	var objects []config.Object
	if errors.Is(err, store.ErrNotFound) {
		objects, _, err = p.resources.Objects(ctx)
	}
	if err == nil {
		err = told.Create(ctx, istioRoot, struct{}{})
	}
	if err != nil {
		if ctx.Err() == nil && !errors.Is(err, store.ErrExists) {
			p.deps.Logger.Warn("policies of "+istioRoot+" are looked at at the next start", "reason", err)
		}
		return
	}
	for _, o := range objects {
		if o.Namespace != istioRoot || !o.ForWorkloads() {
			continue
		}
		reach := "for all workloads of the mesh"
		if len(o.Selector()) > 0 {
			reach = "for the workloads it selects in all namespaces"
		}
		p.deps.Logger.Warn("a policy of "+istioRoot+" holds for the mesh", "resource", o.Key(), "reach", reach)
		p.tell(mesh.Event{
			Kind: mesh.EventConfig, By: author,
			Summary: fmt.Sprintf("%s is %s since this version, no longer for a namespace of that name alone", o.Key(), reach),
			Detail:  map[string]string{"resource": o.Key(), "reach": reach},
		})
	}
}
