package pipeline

import (
	"context"
	_ "embed" // the default pipeline
	"fmt"
	"maps"
	"path/filepath"
	"slices"

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
	queue := func(signal string) map[string]any {
		return map[string]any{
			"directory": filepath.Join(c.Dir, signal),
			"items":     c.QueueItems,
			"former": map[string]any{
				"in_flight": filepath.Join(c.Dir, "in-flight-"+signal),
				"bolt":      filepath.Join(c.Dir, "exporter_sightline_"+signal+"_"+signal),
			},
		}
	}
	endpoint := func(socket string) map[string]any { return map[string]any{"endpoint": socket} }
	receivers := map[string]any{"otlp": map[string]any{"protocols": map[string]any{
		"grpc": endpoint(c.GRPCSocket),
		"http": endpoint(c.HTTPSocket),
	}}}
	maps.Copy(receivers, others(c))
	return map[string]any{
		"receivers": receivers,
		"service": map[string]any{"pipelines": map[string]any{"traces": map[string]any{
			"receivers": slices.Sorted(maps.Keys(receivers)),
		}}},
		"processors": map[string]any{"memory_limiter": map[string]any{
			"limit_mib":       c.MemoryMiB,
			"spike_limit_mib": c.MemoryMiB / 4,
		}},
		"exporters": map[string]any{
			"sightline/traces":  queue("traces"),
			"sightline/logs":    queue("logs"),
			"sightline/metrics": queue("metrics"),
		},
	}
}

// others are the receivers of other protocols, those that are on. What they may be sent
// at once is bounded as OTLP is.
func others(c Config) map[string]any {
	const most = 20 // MiB
	front := []any{map[string]any{"id": frontType}}
	http := func(socket string) map[string]any {
		return map[string]any{
			"endpoint": socket, "transport": "unix", "max_request_body_size": most << 20, "read_header_timeout": "10s",
			"middlewares": front,
		}
	}
	on := map[string]any{}
	if c.ZipkinSocket != "" {
		on["zipkin"] = http(c.ZipkinSocket)
	}
	jaeger := map[string]any{}
	if c.JaegerGRPCSocket != "" {
		jaeger["grpc"] = map[string]any{
			"endpoint": c.JaegerGRPCSocket, "transport": "unix", "max_recv_msg_size_mib": most, "middlewares": front,
		}
	}
	if c.JaegerHTTPSocket != "" {
		jaeger["thrift_http"] = http(c.JaegerHTTPSocket)
	}
	if len(jaeger) > 0 {
		on["jaeger"] = map[string]any{"protocols": jaeger}
	}
	return on
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
