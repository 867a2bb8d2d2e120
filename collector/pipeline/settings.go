package pipeline

import (
	"context"
	_ "embed" // the default pipeline
	"fmt"

	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/otelcol"
)

//go:embed pipeline.yaml
var defaultPipeline []byte

// scheme is of the addresses under which the Collector finds its configuration: the
// embedded file, and what Config says on top of it.
const (
	scheme       = "sightline"
	embeddedURI  = scheme + ":embedded"
	overridesURI = scheme + ":config"
)

// configure merges c into the embedded pipeline and checks the whole.
func configure(ctx context.Context, c Config, f otelcol.Factories) (*otelcol.Config, error) {
	provider, err := otelcol.NewConfigProvider(otelcol.ConfigProviderSettings{
		ResolverSettings: confmap.ResolverSettings{
			URIs: []string{embeddedURI, overridesURI},
			ProviderFactories: []confmap.ProviderFactory{
				confmap.NewProviderFactory(func(confmap.ProviderSettings) confmap.Provider {
					return settings{overrides(c)}
				}),
			},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("read the pipeline: %w", err)
	}
	conf, err := provider.Get(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("read the pipeline: %w", err)
	}
	if err := confmap.Validate(conf); err != nil {
		return nil, fmt.Errorf("check the pipeline: %w", err)
	}
	return conf, nil
}

// overrides is what of the pipeline is not the same everywhere.
func overrides(c Config) map[string]any {
	queue := func() map[string]any {
		return map[string]any{"sending_queue": map[string]any{"queue_size": c.QueueItems}}
	}
	endpoint := func(socket string) map[string]any { return map[string]any{"endpoint": socket} }
	return map[string]any{
		"extensions": map[string]any{
			queueType: map[string]any{"directory": c.Dir},
		},
		"receivers": map[string]any{"otlp": map[string]any{"protocols": map[string]any{
			"grpc": endpoint(c.GRPCSocket),
			"http": endpoint(c.HTTPSocket),
		}}},
		"processors": map[string]any{"memory_limiter": map[string]any{
			"limit_mib":       c.MemoryMiB,
			"spike_limit_mib": c.MemoryMiB / 4,
		}},
		"exporters": map[string]any{
			"sightline/traces":  queue(),
			"sightline/logs":    queue(),
			"sightline/metrics": queue(),
		},
	}
}

// settings is a confmap.Provider of the two addresses above.
type settings struct{ overrides map[string]any }

// Retrieve implements confmap.Provider.
func (s settings) Retrieve(_ context.Context, uri string, _ confmap.WatcherFunc) (*confmap.Retrieved, error) {
	if uri == embeddedURI {
		return confmap.NewRetrievedFromYAML(defaultPipeline)
	}
	return confmap.NewRetrieved(s.overrides)
}

// Scheme implements confmap.Provider.
func (settings) Scheme() string { return scheme }

// Shutdown implements confmap.Provider.
func (settings) Shutdown(context.Context) error { return nil }
