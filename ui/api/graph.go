package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/topology/graph"
)

const defaultWindow = 30 * time.Second // of a past graph: long enough for slow services to show

func (a *API) graph(c *gin.Context) (any, error) {
	return a.graphOf(c)
}

// graphOf is the graph that the request's parameters ask for, never nil.
func (a *API) graphOf(c *gin.Context) (*graph.Graph, error) {
	if a.deps.Graphs == nil {
		return nil, missingPart("the service graph")
	}
	at := timeParam(c, "at")
	if at.IsZero() && c.Query("window") == "" {
		return orEmpty(a.deps.Graphs.Current()), nil
	}
	if at.IsZero() {
		at = a.now()
	}
	window := durationParam(c, "window", defaultWindow)
	if window > 24*time.Hour {
		return nil, badField("window", "is longer than a day")
	}
	g, err := a.deps.Graphs.At(c, at, window)
	if err != nil {
		return nil, fmt.Errorf("read graph at %s: %w", at.Format(time.RFC3339), err)
	}
	return orEmpty(g), nil
}

func orEmpty(g *graph.Graph) *graph.Graph {
	if g == nil {
		g = &graph.Graph{}
	}
	if g.Nodes != nil && g.Edges != nil {
		return g
	}
	full := *g // a graph is never changed
	full.Nodes, full.Edges = list(g.Nodes), list(g.Edges)
	return &full
}

func (a *API) services(c *gin.Context) (any, error) {
	g, err := a.graphOf(c)
	if err != nil {
		return nil, err
	}
	nodes := slices.Clone(g.Nodes)
	for _, p := range a.proxiesOrNone(c) {
		nodes = withInstance(nodes, p.Instance)
	}
	slices.SortFunc(nodes, func(x, y graph.Node) int { return strings.Compare(x.ID, y.ID) })
	return servicesAnswer{Start: g.Start, End: g.End, Services: list(nodes)}, nil
}

// withInstance adds the service of an instance when no traffic has shown it.
func withInstance(nodes []graph.Node, i mesh.Instance) []graph.Node {
	known := slices.ContainsFunc(nodes, func(n graph.Node) bool { return n.ID == string(i.Service) })
	if known || i.Service == "" {
		return nodes
	}
	return append(nodes, graph.Node{
		ID: string(i.Service), Namespace: i.Service.Namespace(), Health: graph.Idle, Versions: []graph.Version{},
	})
}

// proxiesOrNone is what the control plane knows of sidecars; without it the pages
// that add it to what the store knows still show.
func (a *API) proxiesOrNone(ctx context.Context) []mesh.ProxyStatus {
	if a.deps.Proxies == nil {
		return nil
	}
	all, err := a.deps.Proxies.Proxies(ctx)
	if err != nil {
		a.log.WarnContext(ctx, "sidecars not known", "error", err)
	}
	return all
}

func (a *API) service(c *gin.Context) (any, error) {
	name := c.Param("name")
	if a.deps.Graphs == nil {
		return nil, missingPart("the service graph")
	}
	g := orEmpty(a.deps.Graphs.Current())
	out := serviceAnswer{
		Callers: list(edgesOf(g, func(e graph.Edge) bool { return e.Destination == name })),
		Callees: list(edgesOf(g, func(e graph.Edge) bool { return e.Source == name })),
	}
	nodes := g.Nodes
	for _, p := range a.proxiesOrNone(c) {
		if string(p.Instance.Service) == name {
			nodes = withInstance(slices.Clip(nodes), p.Instance)
			out.Instances = append(out.Instances, p)
		}
	}
	i := slices.IndexFunc(nodes, func(n graph.Node) bool { return n.ID == name })
	if i < 0 {
		return nil, problem(http.StatusNotFound, fmt.Sprintf("service %q is not in the mesh", name))
	}
	out.Service, out.Instances = nodes[i], list(out.Instances)
	var err error
	if out.Series, err = a.seriesOf(c, name); err != nil {
		return nil, err
	}
	if out.Verdicts, err = a.verdictsOn(c, name); err != nil {
		return nil, err
	}
	return out, nil
}

func edgesOf(g *graph.Graph, keep func(graph.Edge) bool) []graph.Edge {
	var out []graph.Edge
	for _, e := range g.Edges {
		if keep(e) {
			out = append(out, e)
		}
	}
	return out
}

// seriesOf is a service's rates over the asked period in about 150 steps.
func (a *API) seriesOf(c *gin.Context, name string) ([]signal.Point, error) {
	if a.deps.Series == nil {
		return []signal.Point{}, nil
	}
	const steps = 150
	start, end, err := a.period(c, 5*time.Minute)
	if err != nil {
		return nil, err
	}
	step := max(end.Sub(start)/steps, time.Second).Truncate(time.Second)
	points, err := a.deps.Series.Series(c, name, signal.Window{Start: start, End: end}, step)
	if err != nil {
		return nil, fmt.Errorf("read series of %s: %w", name, err)
	}
	return list(points), nil
}

func (a *API) verdictsOn(ctx context.Context, service string) ([]mesh.Verdict, error) {
	if a.deps.Breakers == nil {
		return []mesh.Verdict{}, nil
	}
	all, err := a.deps.Breakers.Verdicts(ctx)
	if err != nil {
		return nil, fmt.Errorf("read verdicts: %w", err)
	}
	on := slices.DeleteFunc(slices.Clone(all), func(v mesh.Verdict) bool { return string(v.Target.Service) != service })
	return list(on), nil
}
