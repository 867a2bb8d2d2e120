package jaeger

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"

	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/jaeger/storagev2"
	"github.com/sightline-mesh/sightline/collector/signal"
)

// traceReader is jaeger.storage.v2.TraceReader.
type traceReader struct {
	storagev2.UnimplementedTraceReaderServer

	server *Server
}

func (a *traceReader) GetTraces(r *storagev2.GetTracesRequest, stream grpc.ServerStreamingServer[tracev1.TracesData]) error {
	for _, asked := range r.GetQuery() {
		spans, err := a.server.deps.Finder.Spans(stream.Context(), hex.EncodeToString(asked.GetTraceId()))
		if errors.Is(err, clickhouse.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if err := send(spans, stream.Send); err != nil {
			return err
		}
	}
	return nil
}

func (a *traceReader) GetServices(ctx context.Context, _ *storagev2.GetServicesRequest) (*storagev2.GetServicesResponse, error) {
	names, err := a.server.services(ctx)
	return &storagev2.GetServicesResponse{Services: names}, err
}

func (a *traceReader) GetOperations(ctx context.Context, r *storagev2.GetOperationsRequest) (*storagev2.GetOperationsResponse, error) {
	found, err := a.server.operations(ctx, r.GetService(), r.GetSpanKind())
	out := &storagev2.GetOperationsResponse{}
	for _, o := range found {
		out.Operations = append(out.Operations, &storagev2.Operation{Name: o.Name, SpanKind: o.Kind})
	}
	return out, err
}

func (a *traceReader) FindTraces(r *storagev2.FindTracesRequest, stream grpc.ServerStreamingServer[tracev1.TracesData]) error {
	q, err := storageQuery(r.GetQuery())
	if err != nil {
		return err
	}
	_, err = a.server.found(stream.Context(), q, func(spans []clickhouse.StoredSpan) error { return send(spans, stream.Send) })
	return err
}

func (a *traceReader) FindTraceIDs(ctx context.Context, r *storagev2.FindTraceIDsRequest) (*storagev2.FindTraceIDsResponse, error) {
	q, err := storageQuery(r.GetQuery())
	if err != nil {
		return nil, err
	}
	page, err := a.server.deps.Finder.FindTraces(ctx, q.search())
	if err != nil {
		return nil, fmt.Errorf("find traces: %w", err)
	}
	out := &storagev2.FindTraceIDsResponse{}
	for _, t := range page.Traces {
		out.TraceIds = append(out.TraceIds, &storagev2.FoundTraceID{
			TraceId: rawID(t.TraceID), Start: timestamppb.New(t.Start), End: timestamppb.New(t.Start.Add(time.Duration(t.DurationNS))),
		})
	}
	if q.paged {
		out.NextPageToken = page.Next
	}
	return out, nil
}

func (a *traceReader) FindTraceSummaries(r *storagev2.FindTraceSummariesRequest, stream grpc.ServerStreamingServer[storagev2.FindTraceSummariesResponse]) error {
	q, err := storageQuery(r.GetQuery())
	if err != nil {
		return err
	}
	out := &storagev2.FindTraceSummariesResponse{}
	next, err := a.server.found(stream.Context(), q, func(spans []clickhouse.StoredSpan) error {
		out.Summaries = append(out.Summaries, summarize(spans).storagev2())
		return nil
	})
	if err != nil {
		return err
	}
	if q.paged {
		out.NextPageToken = next
	}
	return stream.Send(out)
}

func storageQuery(p *storagev2.TraceQueryParameters) (query, error) {
	switch {
	case p == nil:
		return query{}, errNoQuery
	case p.GetFilter() != nil:
		return query{}, errNoFilter
	}
	q := query{
		service: p.GetServiceName(), operation: p.GetOperationName(), attributes: map[string]string{},
		start: timeOf(p.GetStartTimeMin()), end: timeOf(p.GetStartTimeMax()),
		least: lengthOf(p.GetDurationMin()), most: lengthOf(p.GetDurationMax()),
	}
	for _, kv := range p.GetAttributes() {
		q.attributes[kv.GetKey()] = valueText(kv.GetValue())
	}
	page := p.GetPagination()
	q.paged = page != nil
	err := q.page(p.GetSearchDepth(), page.GetPageSize(), page.GetPageToken())
	return q, err
}

func valueText(v *storagev2.AnyValue) string {
	switch v := v.GetValue().(type) {
	case *storagev2.AnyValue_BoolValue:
		return strconv.FormatBool(v.BoolValue)
	case *storagev2.AnyValue_IntValue:
		return strconv.FormatInt(v.IntValue, 10)
	case *storagev2.AnyValue_DoubleValue:
		return strconv.FormatFloat(v.DoubleValue, 'g', -1, 64)
	case *storagev2.AnyValue_StringValue:
		return v.StringValue
	}
	return ""
}

// dependencyReader is jaeger.storage.v2.DependencyReader.
type dependencyReader struct {
	storagev2.UnimplementedDependencyReaderServer

	server *Server
}

func (a *dependencyReader) GetDependencies(ctx context.Context, r *storagev2.GetDependenciesRequest) (*storagev2.GetDependenciesResponse, error) {
	found, err := a.server.deps.Callers.Dependencies(ctx, signal.Window{Start: timeOf(r.GetStartTime()), End: timeOf(r.GetEndTime())})
	out := &storagev2.GetDependenciesResponse{}
	for _, d := range found {
		out.Dependencies = append(out.Dependencies, &storagev2.Dependency{Parent: d.Parent, Child: d.Child, CallCount: d.Calls, Source: "sightline"})
	}
	return out, err
}

// storageCapabilities is jaeger.storage.v2.Capabilities.
type storageCapabilities struct {
	storagev2.UnimplementedCapabilitiesServer
}

func (*storageCapabilities) GetCapabilities(context.Context, *storagev2.GetCapabilitiesRequest) (*storagev2.GetCapabilitiesResponse, error) {
	return &storagev2.GetCapabilitiesResponse{Search: &storagev2.SearchCapabilities{
		WithoutServiceName: true, SameSpanConjunction: true, Paginated: true,
	}}, nil
}
