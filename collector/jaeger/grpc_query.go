package jaeger

import (
	"context"

	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/jaeger/apiv3"
	"github.com/sightline-mesh/sightline/collector/signal"
)

// queryService is jaeger.api_v3.QueryService.
type queryService struct {
	apiv3.UnimplementedQueryServiceServer

	server *Server
}

func (a *queryService) GetTrace(r *apiv3.GetTraceRequest, stream grpc.ServerStreamingServer[tracev1.TracesData]) error {
	spans, err := a.server.deps.Finder.Spans(stream.Context(), r.GetTraceId())
	if err != nil {
		return err
	}
	return send(spans, stream.Send)
}

func (a *queryService) FindTraces(r *apiv3.FindTracesRequest, stream grpc.ServerStreamingServer[tracev1.TracesData]) error {
	q, err := queryOf(r.GetQuery())
	if err != nil {
		return err
	}
	_, err = a.server.found(stream.Context(), q, func(spans []clickhouse.StoredSpan) error { return send(spans, stream.Send) })
	return err
}

func (a *queryService) GetServices(ctx context.Context, _ *apiv3.GetServicesRequest) (*apiv3.GetServicesResponse, error) {
	names, err := a.server.services(ctx)
	return &apiv3.GetServicesResponse{Services: names}, err
}

func (a *queryService) GetOperations(ctx context.Context, r *apiv3.GetOperationsRequest) (*apiv3.GetOperationsResponse, error) {
	found, err := a.server.operations(ctx, r.GetService(), r.GetSpanKind())
	out := &apiv3.GetOperationsResponse{}
	for _, o := range found {
		out.Operations = append(out.Operations, &apiv3.Operation{Name: o.Name, SpanKind: o.Kind})
	}
	return out, err
}

func (a *queryService) GetDependencies(ctx context.Context, r *apiv3.GetDependenciesRequest) (*apiv3.DependenciesResponse, error) {
	found, err := a.server.deps.Callers.Dependencies(ctx, signal.Window{Start: timeOf(r.GetStartTime()), End: timeOf(r.GetEndTime())})
	out := &apiv3.DependenciesResponse{}
	for _, d := range found {
		out.Dependencies = append(out.Dependencies, &apiv3.Dependency{Parent: d.Parent, Child: d.Child, CallCount: d.Calls})
	}
	return out, err
}

func (a *queryService) FindTraceSummaries(r *apiv3.FindTraceSummariesRequest, stream grpc.ServerStreamingServer[apiv3.FindTraceSummariesResponse]) error {
	q, err := queryOf(r.GetQuery())
	if err != nil {
		return err
	}
	out, err := a.summaries(stream.Context(), q)
	if err != nil {
		return err
	}
	return stream.Send(out)
}

func (a *queryService) summaries(ctx context.Context, q query) (*apiv3.FindTraceSummariesResponse, error) {
	out := &apiv3.FindTraceSummariesResponse{}
	next, err := a.server.found(ctx, q, func(spans []clickhouse.StoredSpan) error {
		out.Summaries = append(out.Summaries, summarize(spans).apiv3())
		return nil
	})
	if q.paged {
		out.NextPageToken = next
	}
	return out, err
}

func queryOf(p *apiv3.TraceQueryParameters) (query, error) {
	switch {
	case p == nil:
		return query{}, errNoQuery
	case p.GetFilter() != nil:
		return query{}, errNoFilter
	}
	q := query{
		service: p.GetServiceName(), operation: p.GetOperationName(), attributes: p.GetAttributes(),
		start: timeOf(p.GetStartTimeMin()), end: timeOf(p.GetStartTimeMax()),
		least: lengthOf(p.GetDurationMin()), most: lengthOf(p.GetDurationMax()),
	}
	page := p.GetPagination()
	q.paged = page != nil
	err := q.page(p.GetSearchDepth(), page.GetPageSize(), page.GetPageToken())
	return q, err
}

// queryCapabilities is jaeger.api_v3.Capabilities.
type queryCapabilities struct {
	apiv3.UnimplementedCapabilitiesServer
}

func (*queryCapabilities) GetCapabilities(context.Context, *apiv3.GetCapabilitiesRequest) (*apiv3.GetCapabilitiesResponse, error) {
	return capabilities(), nil
}

func capabilities() *apiv3.GetCapabilitiesResponse {
	return &apiv3.GetCapabilitiesResponse{Search: &apiv3.SearchCapabilities{
		WithoutServiceName: true, SameSpanConjunction: true, Paginated: true,
	}}
}
