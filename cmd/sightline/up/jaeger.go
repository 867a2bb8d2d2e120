package up

import (
	"context"
	"errors"
	"fmt"
	"net"

	collectorv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/sightline-mesh/sightline/ui/session"
)

// serveJaeger serves Jaeger's gRPC services until ctx ends, where they are asked for.
func (m *Mesh) serveJaeger(ctx context.Context, r *roles) error {
	if m.c.JaegerListen == "" {
		return nil
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", m.c.JaegerListen)
	if err != nil {
		return fmt.Errorf("listen for Jaeger: %w", err)
	}
	// What a Jaeger stores goes the way of all telemetry. No connection before the first call.
	in, err := grpc.NewClient("passthrough:///"+local(m.c.OTLPGRPCListen), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return errors.Join(fmt.Errorf("reach the collector: %w", err), l.Close())
	}
	defer func() { _ = in.Close() }()
	server := r.jaeger.GRPC(func(authorization string, write bool) bool { //nolint:contextcheck // calls have their own
		need := session.Viewer
		if write {
			need = session.Operator
		}
		return r.ui.Role(authorization).Allows(need)
	}, &forwarder{to: collectorv1.NewTraceServiceClient(in)})
	g, alive := errgroup.WithContext(ctx)
	g.Go(func() error {
		if err := server.Serve(l); err != nil {
			return fmt.Errorf("serve Jaeger: %w", err)
		}
		return nil
	})
	g.Go(func() error {
		<-alive.Done()
		server.Stop() // queries can be asked again
		return nil
	})
	return g.Wait()
}

// forwarder hands spans to the collector.
type forwarder struct {
	collectorv1.UnimplementedTraceServiceServer

	to collectorv1.TraceServiceClient
}

func (f *forwarder) Export(ctx context.Context, r *collectorv1.ExportTraceServiceRequest) (*collectorv1.ExportTraceServiceResponse, error) {
	return f.to.Export(ctx, r)
}
