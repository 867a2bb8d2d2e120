package api

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
	"golang.org/x/sync/errgroup"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func (a *API) allTraffic(c *gin.Context) (any, error) {
	if a.deps.Traffic == nil {
		return nil, missingPart("the control plane")
	}
	names := a.serviceNames(c)
	all := make([]mesh.Traffic, len(names))
	g, ctx := errgroup.WithContext(c)
	g.SetLimit(8)
	for i, name := range names {
		g.Go(func() (err error) {
			all[i], err = a.readTraffic(ctx, name)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return trafficAnswer{Services: all}, nil
}

// serviceNames is every service that has an instance or had traffic, sorted.
func (a *API) serviceNames(ctx context.Context) []mesh.ServiceName {
	seen := map[mesh.ServiceName]bool{}
	for _, p := range a.proxiesOrNone(ctx) {
		seen[p.Instance.Service] = true
	}
	if a.deps.Graphs != nil {
		for _, n := range orEmpty(a.deps.Graphs.Current()).Nodes {
			if len(n.Versions) > 0 {
				seen[mesh.ServiceName(n.ID)] = true
			}
		}
	}
	delete(seen, "")
	names := make([]mesh.ServiceName, 0, len(seen))
	for name := range seen {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (a *API) readTraffic(ctx context.Context, service mesh.ServiceName) (mesh.Traffic, error) {
	if a.deps.Traffic == nil {
		return mesh.Traffic{}, missingPart("the control plane")
	}
	t, err := a.deps.Traffic.Traffic(ctx, service)
	if err != nil {
		return mesh.Traffic{}, fmt.Errorf("read traffic of %s: %w", service, err)
	}
	return t, nil
}

func (a *API) traffic(c *gin.Context) (any, error) {
	return a.readTraffic(c, mesh.ServiceName(c.Param("service")))
}

func (a *API) setTraffic(c *gin.Context) (any, error) {
	if a.deps.Traffic == nil {
		return nil, missingPart("the control plane")
	}
	weights, err := readWeights(c)
	if err != nil {
		return nil, err
	}
	service := mesh.ServiceName(c.Param("service"))
	t, err := a.deps.Traffic.SetTraffic(c, service, weights, userOf(c).Name)
	if err != nil {
		return nil, err // which names what was to be done
	}
	return t, nil
}

// readWeights reads {"v1":90,"v2":10}.
func readWeights(c *gin.Context) (map[mesh.Version]uint32, error) {
	var in map[string]json.Number
	if err := readJSON(c, &in); err != nil {
		return nil, err
	}
	weights := make(map[mesh.Version]uint32, len(in))
	var sum uint64
	for version, n := range in {
		if !mesh.IsLabel(strings.ReplaceAll(version, ".", "-")) {
			return nil, badField(version, "is no version: want lower-case letters, digits, dots and hyphens")
		}
		w, err := n.Int64()
		if err != nil || w < 0 || w > math.MaxUint16 {
			return nil, badField(version, "is "+n.String()+", want a whole weight from 0 to 65535")
		}
		weights[mesh.Version(version)] = uint32(w)
		sum += uint64(w)
	}
	if sum == 0 {
		p := badField("weights", "add up to 0: nothing would get any traffic")
		p.Status, p.Title = http.StatusUnprocessableEntity, http.StatusText(http.StatusUnprocessableEntity)
		return nil, p
	}
	return weights, nil
}

func (a *API) undoTraffic(c *gin.Context) (any, error) {
	if a.deps.UndoTraffic == nil {
		return nil, missingPart("the control plane")
	}
	service := mesh.ServiceName(c.Param("service"))
	if err := a.deps.UndoTraffic(c, service, userOf(c).Name); err != nil {
		return nil, err // likewise
	}
	return a.readTraffic(c, service)
}
