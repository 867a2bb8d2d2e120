package exporter

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/sightline-mesh/sightline/collector/jaeger"
	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/collector/tempo"
)

// everyType puts an attribute of each type that OTLP has.
func everyType(t *testing.T, m pcommon.Map) {
	t.Helper()
	if err := m.FromRaw(map[string]any{
		"text": "é\x00\n", "text.empty": "", "text.number": "5", "http.request.method": "",
		"int": 7, "int.zero": 0, "int.least": int64(math.MinInt64), "int.most": int64(math.MaxInt64), "int.exact": int64(1<<53 + 1),
		"double": 0.5, "double.whole": 2.0, "double.large": 1e300, "double.nan": math.NaN(), "double.inf": math.Inf(1), "double.less": math.Inf(-1),
		"bool": true, "bool.no": false, "bytes": []byte{0, 255, 128}, "bytes.empty": []byte{}, "empty": nil,
		"list": []any{"a", int64(math.MaxInt64), 2.0, true, nil, []any{}, map[string]any{"k": "v"}}, "list.empty": []any{},
		"map": map[string]any{"n": int64(1), "d": 1.0, "nested": map[string]any{"list": []any{1.5}}}, "map.empty": map[string]any{},
	}); err != nil {
		t.Fatal(err)
	}
}

func typedSpans(t *testing.T) ptrace.Traces {
	t.Helper()
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	everyType(t, rs.Resource().Attributes())
	rs.Resource().Attributes().PutStr(signal.KeyService, "types")
	span := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetTraceID([16]byte{15: 1})
	span.SetSpanID([8]byte{7: 1})
	span.SetName("typed")
	span.SetStartTimestamp(stamp(recently()))
	span.SetEndTimestamp(stamp(recently().Add(time.Millisecond)))
	everyType(t, span.Attributes())
	event := span.Events().AppendEmpty()
	event.SetName("typed")
	event.SetTimestamp(stamp(recently()))
	everyType(t, event.Attributes())
	return td
}

// attributesOf are the attributes of the one span, its event and its resource.
func attributesOf(td ptrace.Traces) map[string]map[string]any {
	rs := td.ResourceSpans().At(0)
	span := rs.ScopeSpans().At(0).Spans().At(0)
	return map[string]map[string]any{
		"resource": rs.Resource().Attributes().AsRaw(), "span": span.Attributes().AsRaw(), "event": span.Events().At(0).Attributes().AsRaw(),
	}
}

// TestEveryTypeOfAttributeComesBack sends OTLP in each of its two encodings, and reads it
// from each of the query APIs that answer in it.
func TestEveryTypeOfAttributeComesBack(t *testing.T) {
	p, s, _ := startOn(t)
	sent := typedSpans(t)
	for name, encode := range map[string]func(ptrace.Traces) (ptrace.Traces, error){
		"protobuf": func(td ptrace.Traces) (ptrace.Traces, error) {
			b, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
			if err != nil {
				return td, err
			}
			return (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(b)
		},
		"JSON": func(td ptrace.Traces) (ptrace.Traces, error) {
			b, err := (&ptrace.JSONMarshaler{}).MarshalTraces(td)
			if err != nil {
				return td, err
			}
			return (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(b)
		},
	} {
		id := byte(len(name))
		sent.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).SetTraceID([16]byte{15: id})
		td, err := encode(sent)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := p.ConsumeTraces(t.Context(), td); err != nil {
			t.Fatal(err)
		}
		path := fmt.Sprintf("/traces/%032x", id)
		j := jaeger.New(jaeger.Deps{Finder: s, Names: s, Callers: s, Logger: slog.New(slog.DiscardHandler)}).Handler()
		tempo := tempo.New(tempo.Deps{Finder: s, Attributes: s, Logger: slog.New(slog.DiscardHandler)}).Handler()
		var v3 struct{ Result json.RawMessage }
		if err := json.Unmarshal(answer(t, j, "/api/v3"+path), &v3); err != nil {
			t.Fatal(err)
		}
		ofJaeger, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(v3.Result)
		if err != nil {
			t.Fatal(err)
		}
		ofTempo, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(answer(t, tempo, "/api"+path))
		if err != nil {
			t.Fatal(err)
		}
		for from, got := range map[string]ptrace.Traces{"Jaeger v3": ofJaeger, "Tempo": ofTempo} {
			if diff := cmp.Diff(attributesOf(sent), attributesOf(got), cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s by way of %s (-sent +got):\n%s", name, from, diff)
			}
		}
		for _, path := range []string{"/api" + path, "/api/traces?service=types"} { // Jaeger's v1
			answer(t, j, path)
		}
		answer(t, tempo, "/api/search?q=%7Bspan.double!=0%20%7C%7C%20resource.list!=nil%20%26%26%20span.bytes!=nil%7D")
	}
	spans, err := s.Trace(t.Context(), "4") // JSON
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(spans[0].Attributes)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"bool":true`, `"bytes":"AP+A"`, `"double":0.5`, `"double.inf":"Infinity"`, `"double.less":"-Infinity"`, `"double.nan":"NaN"`, `"empty":null`,
		`"int":7`, `"int.least":"-9223372036854775808"`, `"list":["a","9223372036854775807",2,true,null,[],{"k":"v"}]`, `"list.empty":[]`,
		`"map":{"d":1,"n":1,"nested":{"list":[1.5]}}`, `"map.empty":{}`, `"text":"é\u0000\n"`, `"text.empty":""`, `"text.number":"5"`,
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("our own API lacks %s: %s", want, b)
		}
	}
	keys, err := s.AttributeKeys(t.Context(), signal.Window{})
	if got := strings.Join(keys.Span, " "); err != nil || strings.Contains(got, signal.KeyTypes) || !strings.Contains(got, "list.empty") {
		t.Errorf("keys %s, %v", got, err)
	}
}

func answer(t *testing.T, h http.Handler, path string) []byte {
	t.Helper()
	r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, path, nil)
	r.Header.Set("Accept", "application/protobuf")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", path, w.Code, w.Body)
	}
	return w.Body.Bytes()
}

// TestTextThatIsNotUTF8IsDropped: it is counted under its own reason, and nothing beside
// it is lost.
func TestTextThatIsNotUTF8IsDropped(t *testing.T) {
	const broken = "a\xff"
	td, ld := ptrace.NewTraces(), plog.NewLogs()
	for name, spoil := range map[string]func(ptrace.ResourceSpans, ptrace.Span){
		"nothing":  func(ptrace.ResourceSpans, ptrace.Span) {},
		"resource": func(rs ptrace.ResourceSpans, _ ptrace.Span) { rs.Resource().Attributes().PutStr("a", broken) },
		"scope":    func(rs ptrace.ResourceSpans, _ ptrace.Span) { rs.ScopeSpans().At(0).Scope().SetName(broken) },
		"name":     func(_ ptrace.ResourceSpans, s ptrace.Span) { s.SetName(broken) },
		"message":  func(_ ptrace.ResourceSpans, s ptrace.Span) { s.Status().SetMessage(broken) },
		"state":    func(_ ptrace.ResourceSpans, s ptrace.Span) { s.TraceState().FromRaw(broken) },
		"key":      func(_ ptrace.ResourceSpans, s ptrace.Span) { s.Attributes().PutStr(broken, "a") },
		"value":    func(_ ptrace.ResourceSpans, s ptrace.Span) { s.Attributes().PutStr("a", broken) },
		"list": func(_ ptrace.ResourceSpans, s ptrace.Span) {
			s.Attributes().PutEmptySlice("a").AppendEmpty().SetStr(broken)
		},
		"map":   func(_ ptrace.ResourceSpans, s ptrace.Span) { s.Attributes().PutEmptyMap("a").PutStr(broken, "a") },
		"event": func(_ ptrace.ResourceSpans, s ptrace.Span) { s.Events().AppendEmpty().SetName(broken) },
		"bytes": func(_ ptrace.ResourceSpans, s ptrace.Span) { s.Attributes().PutEmptyBytes("a").FromRaw([]byte(broken)) }, // may be anything
	} {
		rs := td.ResourceSpans().AppendEmpty()
		span := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		span.SetTraceID([16]byte{15: 1})
		span.SetName(name)
		span.SetStartTimestamp(stamp(recently()))
		spoil(rs, span)
	}
	rows, _, dropped := spansIn(td)
	if len(rows) != 2 || dropped[notUTF8] != 10 || dropped.total() != 10 {
		t.Errorf("%d rows; dropped %v", len(rows), dropped)
	}
	records := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	records.AppendEmpty().Body().SetStr(broken)
	records.AppendEmpty().Body().SetStr("fine")
	if rows, dropped := logsIn(ld); len(rows) != 1 || dropped[notUTF8] != 1 {
		t.Errorf("%d log rows; dropped %v", len(rows), dropped)
	}
}
