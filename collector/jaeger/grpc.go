package jaeger

import (
	"context"
	"strings"
	"time"

	collectorv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/jaeger/apiv3"
	"github.com/sightline-mesh/sightline/collector/jaeger/storagev2"
	"github.com/sightline-mesh/sightline/collector/otlp"
)

// exportMethod is what a writer calls.
const exportMethod = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

// maxMessage bounds what a writer may send at once.
const maxMessage = 16 << 20

// GRPC makes the server of the gRPC services: the query API, the remote storage, and,
// where write is not nil, OTLP for what a Jaeger stores. allow says whether the
// authorization of a call (the header's value, empty for none) lets it read; write says
// whether it would store.
func (s *Server) GRPC(allow func(authorization string, write bool) bool, write collectorv1.TraceServiceServer) *grpc.Server {
	check := func(ctx context.Context, method string) error {
		header := ""
		if md, ok := metadata.FromIncomingContext(ctx); ok {
			header = strings.Join(md.Get("authorization"), "")
		}
		if !allow(header, method == exportMethod) {
			return status.Error(codes.Unauthenticated, "send a bearer token of Sightline's API in the metadata authorization")
		}
		return nil
	}
	g := grpc.NewServer(
		grpc.MaxRecvMsgSize(maxMessage),
		grpc.UnaryInterceptor(func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			if err := check(ctx, info.FullMethod); err != nil {
				return nil, err
			}
			out, err := next(ctx, req)
			return out, grpcError(err)
		}),
		grpc.StreamInterceptor(func(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
			if err := check(stream.Context(), info.FullMethod); err != nil {
				return err
			}
			return grpcError(next(srv, stream))
		}),
	)
	apiv3.RegisterQueryServiceServer(g, &queryService{server: s})
	apiv3.RegisterCapabilitiesServer(g, &queryCapabilities{})
	storagev2.RegisterTraceReaderServer(g, &traceReader{server: s})
	storagev2.RegisterDependencyReaderServer(g, &dependencyReader{server: s})
	storagev2.RegisterCapabilitiesServer(g, &storageCapabilities{})
	if write != nil {
		collectorv1.RegisterTraceServiceServer(g, write)
	}
	return g
}

// maxChunk is how many spans one message of a stream holds: well below gRPC's 4 MiB.
const maxChunk = 1000

// send streams one trace in chunks that follow each other.
func send(spans []clickhouse.StoredSpan, to func(*tracev1.TracesData) error) error {
	for len(spans) > 0 {
		n := min(len(spans), maxChunk)
		m, err := otlp.Message(spans[:n])
		if err != nil {
			return err
		}
		if err := to(m); err != nil {
			return err
		}
		spans = spans[n:]
	}
	return nil
}

func timeOf(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}

func lengthOf(d *durationpb.Duration) time.Duration {
	if d == nil {
		return 0
	}
	return d.AsDuration()
}

// page reads its size and cursor, or the depth of a search without pages.
func (q *query) page(depth int32, size uint32, token string) error {
	q.limit = int(depth)
	if !q.paged {
		return nil
	}
	switch {
	case depth != 0:
		return status.Error(codes.InvalidArgument, "search_depth and pagination: want one of them")
	case size == 0:
		return status.Error(codes.InvalidArgument, "pagination.page_size is 0; want 1 to 1000")
	}
	q.limit, q.cursor = int(min(size, maxTraces)), token
	return nil
}

var (
	errNoQuery  = status.Error(codes.InvalidArgument, "query is missing")
	errNoFilter = status.Error(codes.InvalidArgument, "query.filter is not supported; want service_name, operation_name, attributes and durations")
)
