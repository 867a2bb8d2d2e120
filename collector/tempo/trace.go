package tempo

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strings"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/sightline-mesh/sightline/collector/answer"
	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/otlp"
)

// trace is v1: the bare trace.
func (s *Server) trace(r *http.Request) (any, error) {
	spans, err := s.deps.Finder.Spans(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	if protobuf(r) {
		return encoded(spans)
	}
	resourceSpans, err := resourceSpans(spans)
	if err != nil {
		return nil, err
	}
	return map[string]any{"batches": resourceSpans}, nil
}

// The fields of the message that v2 answers, and its word for a trace of which there may
// be more.
const (
	traceField, statusField, messageField = 1, 3, 4
	partial                               = 1
)

// traceV2 has the trace in an envelope, which says whether it is all of it.
func (s *Server) traceV2(r *http.Request) (any, error) {
	spans, err := s.deps.Finder.Spans(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	cut := ""
	if len(spans) == clickhouse.MaxSpans {
		cut = fmt.Sprintf("the first %d spans of the trace; there may be more", len(spans))
	}
	if protobuf(r) {
		return envelope(spans, cut)
	}
	resourceSpans, err := resourceSpans(spans)
	if err != nil {
		return nil, err
	}
	out := map[string]any{"trace": map[string]any{"resourceSpans": resourceSpans}}
	if cut != "" {
		out["status"], out["message"] = "PARTIAL", cut
	}
	return out, nil
}

func envelope(spans []clickhouse.StoredSpan, cut string) (answer.Protobuf, error) {
	trace, err := encoded(spans)
	if err != nil {
		return nil, err
	}
	b := protowire.AppendBytes(protowire.AppendTag(nil, traceField, protowire.BytesType), trace)
	if cut != "" {
		b = protowire.AppendVarint(protowire.AppendTag(b, statusField, protowire.VarintType), partial)
		b = protowire.AppendString(protowire.AppendTag(b, messageField, protowire.BytesType), cut)
	}
	return b, nil
}

// protobuf reports whether the caller would rather have it than JSON.
func protobuf(r *http.Request) bool {
	for accepted := range strings.SplitSeq(r.Header.Get("Accept"), ",") {
		switch kind, _, _ := mime.ParseMediaType(accepted); kind {
		case "application/protobuf", "application/x-protobuf":
			return true
		case "application/json":
			return false
		}
	}
	return false
}

// encoded is OTLP's TracesData, which is what Tempo calls a trace.
func encoded(spans []clickhouse.StoredSpan) (answer.Protobuf, error) {
	b, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(otlp.Traces(spans))
	if err != nil {
		return nil, fmt.Errorf("encode trace: %w", err)
	}
	return b, nil
}

// resourceSpans is the trace in protobuf's own JSON, as Tempo has it: ids and bytes in
// base64, enumerations by name.
func resourceSpans(spans []clickhouse.StoredSpan) (json.RawMessage, error) {
	td, err := otlp.Message(spans)
	if err != nil {
		return nil, err
	}
	b, err := protojson.Marshal(td)
	if err != nil {
		return nil, fmt.Errorf("encode trace: %w", err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(b, &fields); err != nil {
		return nil, fmt.Errorf("encode trace: %w", err)
	}
	return fields["resourceSpans"], nil
}
