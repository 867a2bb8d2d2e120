// Package pipeline is the OpenTelemetry Collector, embedded: OTLP in on private
// sockets, a memory limiter, books, and for each signal a queue on disk in front of the
// exporter. What the receiver acknowledged is on disk and survives the process; it is
// sent to the store for as long as that takes.
//
// The Collector's service is run directly rather than through otelcol.NewCollector,
// which would take SIGHUP from the process, open a port for its own metrics and set
// OpenTelemetry's global error handler.
package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/service"

	"github.com/sightline-mesh/sightline/collector/account"
	"github.com/sightline-mesh/sightline/collector/admit"
	"github.com/sightline-mesh/sightline/collector/limits"
)

// Config says where the pipeline listens and what it may use.
type Config struct {
	// Dir holds the queues. One process at a time may use it.
	Dir string
	// GRPCSocket and HTTPSocket are the paths of the Unix sockets to receive OTLP on.
	// What is there already is removed.
	GRPCSocket, HTTPSocket string
	// The sockets of other protocols for spans; empty is off. The paths of Jaeger's
	// two must look like an address, with a number after a colon, and have no
	// other colon: the receiver checks it as one.
	ZipkinSocket, JaegerGRPCSocket, JaegerHTTPSocket string
	// MemoryMiB is the size of the process's heap beyond which telemetry is refused.
	MemoryMiB int
	// QueueItems is how many spans, log records or metric points each queue holds;
	// beyond it telemetry is refused, so that its sender keeps it. At least a batch:
	// 10,000.
	QueueItems int
}

// Deps is what a Pipeline uses of its surroundings.
type Deps struct {
	// Exporter makes exporters of type "sightline", each with a queue (package queue),
	// which count in the Ledger what they store and drop.
	Exporter exporter.Factory
	// Ledger is told what is received.
	Ledger *account.Ledger
	// Admission decides what is taken. Nil has the default limits.
	Admission *admit.Admission
	// Logger is told what the Collector's components have to say.
	Logger *slog.Logger
}

// shutdownTimeout is how long receivers and queues may take to end.
const shutdownTimeout = 10 * time.Second

// Pipeline is a Collector. Use New; run Run once.
type Pipeline struct {
	config Config
	deps   Deps
	front  *front
	ready  chan struct{}
}

// New makes a Pipeline that Run starts.
func New(c Config, d Deps) *Pipeline {
	if d.Admission == nil {
		d.Admission = admit.New(limits.Default())
	}
	return &Pipeline{config: c, deps: d, front: newFront(d.Admission, d.Ledger), ready: make(chan struct{})}
}

// Ready is closed once telemetry is received.
func (p *Pipeline) Ready() <-chan struct{} { return p.ready }

// Run receives until ctx ends or a component fails. It then takes no more telemetry
// and leaves on disk what is not stored.
func (p *Pipeline) Run(ctx context.Context) error {
	for _, socket := range []string{
		p.config.GRPCSocket, p.config.HTTPSocket, p.config.ZipkinSocket, p.config.JaegerGRPCSocket, p.config.JaegerHTTPSocket,
	} {
		if err := os.Remove(socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("clear the receiver's socket: %w", err)
		}
	}
	failed := make(chan error)
	s, err := p.service(ctx, failed)
	if err != nil {
		return err
	}
	err = p.run(ctx, s, failed)
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.Shutdown(stopping) }()
	for {
		select {
		case late := <-failed: // a component that fails while it ends must not wait to tell
			p.deps.Logger.Debug("a component failed while ending", "error", late)
		case e := <-ended:
			if e != nil {
				e = fmt.Errorf("end the pipeline: %w", e)
			}
			return errors.Join(err, e)
		}
	}
}

// run starts s and returns when ctx ends, or with the first failure.
func (p *Pipeline) run(ctx context.Context, s *service.Service, failed <-chan error) error {
	if err := s.Start(ctx); err != nil {
		return fmt.Errorf("start the pipeline: %w", err)
	}
	close(p.ready)
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return fmt.Errorf("run the pipeline: %w", err)
	}
}

func (p *Pipeline) service(ctx context.Context, failed chan error) (*service.Service, error) {
	f, err := factories(p.config, p.deps, p.front)
	if err != nil {
		return nil, fmt.Errorf("list the pipeline's components: %w", err)
	}
	conf, err := configure(ctx, p.config, f)
	if err != nil {
		return nil, err
	}
	s, err := service.New(ctx, service.Settings{
		BuildInfo:           component.BuildInfo{Command: "sightline", Description: "the mesh's collector"},
		ReceiversConfigs:    conf.Receivers,
		ReceiversFactories:  f.Receivers,
		ProcessorsConfigs:   conf.Processors,
		ProcessorsFactories: f.Processors,
		ExportersConfigs:    conf.Exporters,
		ExportersFactories:  f.Exporters,
		ExtensionsConfigs:   conf.Extensions,
		ExtensionsFactories: f.Extensions,
		AsyncErrorChannel:   failed,
		TelemetryFactory:    f.Telemetry,
	}, conf.Service)
	if err != nil {
		return nil, fmt.Errorf("build the pipeline: %w", err)
	}
	return s, nil
}
