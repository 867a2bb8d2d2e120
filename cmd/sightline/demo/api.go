package demo

import (
	"context"
	_ "embed" // the shop's configuration
	"fmt"
	"net/http"
	"net/url"

	"github.com/sightline-mesh/sightline/cmd/sightline/client"
	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/topology/graph"
)

// API is the mesh's public API; cmd/sightline/client is one.
type API interface {
	Get(ctx context.Context, path string, query url.Values, out any) error
	Send(ctx context.Context, method, path string, in, out any) error
}

// view is what the demo asks the mesh it runs.
type view struct{ api API }

//go:embed shop.yaml
var setup []byte

// setUp applies the shop's configuration.
func (v view) setUp(ctx context.Context) error {
	if err := v.api.Send(ctx, http.MethodPost, "/api/v1/config", client.YAML(setup), nil); err != nil {
		return fmt.Errorf("set the shop up: %w", err)
	}
	return nil
}

func (v view) proxies(ctx context.Context) ([]mesh.ProxyStatus, error) {
	var out struct {
		Proxies []mesh.ProxyStatus `json:"proxies"`
	}
	if err := v.api.Get(ctx, "/api/v1/proxies", nil, &out); err != nil {
		return nil, fmt.Errorf("list proxies: %w", err)
	}
	return out.Proxies, nil
}

func (v view) events(ctx context.Context) ([]mesh.Event, error) {
	var out struct {
		Events []mesh.Event `json:"events"`
	}
	if err := v.api.Get(ctx, "/api/v1/events", url.Values{"limit": {"1000"}}, &out); err != nil {
		return nil, fmt.Errorf("list events: %w", err)
	}
	return out.Events, nil
}

func (v view) pipeline(ctx context.Context) (map[string]signal.Pipeline, error) {
	var out struct {
		Signals []signal.Pipeline `json:"signals"`
	}
	if err := v.api.Get(ctx, "/api/v1/pipeline", nil, &out); err != nil {
		return nil, fmt.Errorf("read pipeline: %w", err)
	}
	by := map[string]signal.Pipeline{}
	for _, p := range out.Signals {
		by[p.Signal] = p
	}
	return by, nil
}

func (v view) graph(ctx context.Context, window string) (graph.Graph, error) {
	var g graph.Graph
	if err := v.api.Get(ctx, "/api/v1/graph", url.Values{"window": {window}}, &g); err != nil {
		return g, fmt.Errorf("read graph: %w", err)
	}
	return g, nil
}
