// Package otlp gives stored spans back as OpenTelemetry's protocol has them, for the
// query protocols that answer in it, and counts what that has no count for.
package otlp

import (
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/signal"
)

// Traces are spans by resource and scope, in the order of their first span. Attributes
// have the types that they came in.
func Traces(spans []clickhouse.StoredSpan) ptrace.Traces {
	td := ptrace.NewTraces()
	resources := map[string]ptrace.ResourceSpans{}
	scopes := map[string]ptrace.ScopeSpans{}
	for i := range spans {
		s := &spans[i]
		key := identity(s)
		rs, ok := resources[key]
		if !ok {
			rs = td.ResourceSpans().AppendEmpty()
			fillResource(rs.Resource().Attributes(), s)
			resources[key] = rs
		}
		key += "\x00" + s.Scope
		ss, ok := scopes[key]
		if !ok {
			ss = rs.ScopeSpans().AppendEmpty()
			ss.Scope().SetName(s.Scope)
			scopes[key] = ss
		}
		fill(ss.Spans().AppendEmpty(), s)
	}
	return td
}

// Message is Traces as a message of OTLP's own Go module.
func Message(spans []clickhouse.StoredSpan) (*tracev1.TracesData, error) {
	b, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(Traces(spans))
	if err != nil {
		return nil, fmt.Errorf("encode trace: %w", err)
	}
	out := &tracev1.TracesData{}
	if err := proto.Unmarshal(b, out); err != nil {
		return nil, fmt.Errorf("encode trace: %w", err)
	}
	return out, nil
}

// identity is what tells resources apart.
func identity(s *clickhouse.StoredSpan) string {
	var b strings.Builder
	for _, part := range []string{s.Service, s.Namespace, s.Version, s.Instance} {
		b.WriteString(part + "\x00")
	}
	for _, k := range slices.Sorted(maps.Keys(s.Resource)) {
		fmt.Fprintf(&b, "%s\x00%T %[2]v\x00", k, s.Resource[k])
	}
	return b.String()
}

func fillResource(m pcommon.Map, s *clickhouse.StoredSpan) {
	for _, a := range [][2]string{
		{signal.KeyService, s.Service},
		{signal.KeyNamespace, s.Namespace},
		{signal.KeyVersion, s.Version},
		{signal.KeyInstance, s.Instance},
	} {
		if a[1] != "" {
			m.PutStr(a[0], a[1])
		}
	}
	put(m, s.Resource)
}

func fill(out ptrace.Span, s *clickhouse.StoredSpan) {
	out.SetTraceID(traceID(s.TraceID))
	out.SetSpanID(spanID(s.SpanID))
	out.SetParentSpanID(spanID(s.ParentID))
	out.TraceState().FromRaw(s.TraceState)
	out.SetName(s.Name)
	out.SetKind(kindOf(s.Kind))
	out.SetStartTimestamp(pcommon.NewTimestampFromTime(s.Start))
	out.SetEndTimestamp(pcommon.NewTimestampFromTime(s.Start.Add(time.Duration(s.DurationNS))))
	out.Status().SetMessage(s.StatusMessage)
	switch s.Status {
	case "ok":
		out.Status().SetCode(ptrace.StatusCodeOk)
	case "error":
		out.Status().SetCode(ptrace.StatusCodeError)
	}
	put(out.Attributes(), s.Attributes)
	for _, e := range s.Events {
		event := out.Events().AppendEmpty()
		event.SetTimestamp(pcommon.NewTimestampFromTime(e.Time))
		event.SetName(e.Name)
		put(event.Attributes(), e.Attributes)
	}
	for _, l := range s.Links {
		link := out.Links().AppendEmpty()
		link.SetTraceID(traceID(l.TraceID))
		link.SetSpanID(spanID(l.SpanID))
	}
}

// put copies attributes by key, so that the same spans give the same bytes.
func put(m pcommon.Map, attributes map[string]any) {
	m.EnsureCapacity(len(attributes))
	for _, k := range slices.Sorted(maps.Keys(attributes)) {
		set(m.PutEmpty(k), attributes[k])
	}
}

func set(to pcommon.Value, v any) {
	switch v := v.(type) {
	case string:
		to.SetStr(v)
	case int64:
		to.SetInt(v)
	case float64:
		to.SetDouble(v)
	case bool:
		to.SetBool(v)
	case []byte:
		to.SetEmptyBytes().FromRaw(v)
	case []any:
		all := to.SetEmptySlice()
		all.EnsureCapacity(len(v))
		for _, one := range v {
			set(all.AppendEmpty(), one)
		}
	case map[string]any:
		put(to.SetEmptyMap(), v)
	}
}

func traceID(id string) (t pcommon.TraceID) {
	_, _ = hex.Decode(t[:], []byte(id)) // the store's spelling
	return t
}

func spanID(id string) (s pcommon.SpanID) {
	if len(id) == hex.EncodedLen(len(s)) {
		_, _ = hex.Decode(s[:], []byte(id))
	}
	return s
}

func kindOf(kind string) ptrace.SpanKind {
	switch kind {
	case "internal":
		return ptrace.SpanKindInternal
	case "server":
		return ptrace.SpanKindServer
	case "client":
		return ptrace.SpanKindClient
	case "producer":
		return ptrace.SpanKindProducer
	case "consumer":
		return ptrace.SpanKindConsumer
	}
	return ptrace.SpanKindUnspecified
}
