package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func eventKinds() []string {
	kinds := []mesh.EventKind{
		mesh.EventAnomaly, mesh.EventTripped, mesh.EventProbing, mesh.EventReleased, mesh.EventHeld,
		mesh.EventConfig, mesh.EventTraffic, mesh.EventInstance, mesh.EventRefused, mesh.EventIdentity, mesh.EventRegistry, mesh.EventPlaintext,
	}
	out := make([]string, len(kinds))
	for i, k := range kinds {
		out[i] = string(k)
	}
	return out
}

func (a *API) events(c *gin.Context) (any, error) {
	if a.deps.Events == nil {
		return nil, missingPart("the control plane")
	}
	q := EventQuery{
		After: c.Query("after"), Limit: intParam(c, "limit", 100), Kind: c.Query("kind"), Service: c.Query("service"),
	}
	all, err := a.deps.Events(c, q)
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	out := eventsAnswer{Events: list(all)}
	if len(all) == q.Limit {
		out.Next = all[len(all)-1].ID
	}
	return out, nil
}

func (a *API) proxies(c *gin.Context) (any, error) {
	if a.deps.Proxies == nil {
		return nil, missingPart("the control plane")
	}
	all, err := a.deps.Proxies.Proxies(c)
	if err != nil {
		return nil, fmt.Errorf("read sidecars: %w", err)
	}
	out := proxiesAnswer{Proxies: list(all), ControlPlanes: []mesh.Replica{}, Changes: []mesh.ConfigChange{}, Unreadable: []mesh.Unreadable{}}
	if a.deps.Propagation != nil {
		p, err := a.deps.Propagation(c)
		if err != nil {
			return nil, fmt.Errorf("read changes: %w", err)
		}
		out.Changes = list(p.Changes)
	}
	if a.deps.Unreadable != nil {
		if out.Unreadable, err = a.deps.Unreadable(c); err != nil {
			return nil, fmt.Errorf("read what cannot be read: %w", err)
		}
	}
	if a.deps.Replicas != nil {
		planes, err := a.deps.Replicas(c)
		if err != nil {
			return nil, fmt.Errorf("read control planes: %w", err)
		}
		out.ControlPlanes = list(planes)
	}
	return out, nil
}

func (a *API) discard(c *gin.Context) (any, error) {
	if a.deps.Discard == nil {
		return nil, missingPart("the control plane")
	}
	table, key := c.Query("table"), c.Query("key")
	switch "" {
	case table:
		return nil, badField("table", "is missing: want the table that the value is in")
	case key:
		return nil, badField("key", "is missing: want the value's key")
	}
	return nil, a.deps.Discard(c, table, key, userOf(c).Name)
}

func (a *API) pipeline(*gin.Context) (any, error) {
	if a.deps.Accounting == nil {
		return nil, missingPart("the collector")
	}
	out := pipelineAnswer{Signals: list(a.deps.Accounting())}
	if a.deps.Store != nil {
		out.Store = a.deps.Store()
	}
	out.Store.Damaged = list(out.Store.Damaged)
	if a.deps.Tenants != nil {
		out.Tenants = a.deps.Tenants()
	}
	out.Tenants = list(out.Tenants)
	return out, nil
}

func (a *API) ready(c *gin.Context) {
	if a.deps.Ready != nil {
		ctx, cancel := context.WithTimeout(c.Request.Context(), 2*time.Second)
		defer cancel()
		if err := a.deps.Ready(ctx); err != nil {
			a.refuse(c, problem(http.StatusServiceUnavailable, "not ready: "+err.Error()))
			return
		}
	}
	c.String(http.StatusOK, "ok\n")
}
