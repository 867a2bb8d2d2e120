package otlp

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/signal"
)

func TestTraces(t *testing.T) {
	at := time.Unix(1_700_000_000, 5).UTC()
	span := func(service, scope, id string) clickhouse.StoredSpan {
		return clickhouse.StoredSpan{
			Span: signal.Span{
				TraceID: "000102030405060708090a0b0c0d0e0f", SpanID: id, ParentID: "", Name: "GET /", Kind: "server", Service: service,
				Version: "v1", Start: at, DurationNS: 7, Status: "error", StatusMessage: "no",
				Attributes: map[string]any{"s": "x", "i": int64(3), "f": 0.5, "b": true},
				Events:     []signal.SpanEvent{{Time: at, Name: "e", Attributes: map[string]any{"k": "v"}}},
			},
			Scope: scope, TraceState: "a=b", Resource: map[string]any{"host.name": "n"},
			Links: []clickhouse.SpanLink{{TraceID: "ff0102030405060708090a0b0c0d0e0f", SpanID: "0000000000000009"}},
		}
	}
	child := span("web", "lib", "0000000000000003")
	child.ParentID = "0000000000000001"
	td := Traces([]clickhouse.StoredSpan{span("web", "lib", "0000000000000001"), span("cart", "lib", "0000000000000002"), child, span("web", "other", "0000000000000004")})
	got, err := (&ptrace.JSONMarshaler{}).MarshalTraces(td)
	if err != nil {
		t.Fatal(err)
	}
	one := func(id, parent string) string {
		if parent != "" {
			parent = `"parentSpanId":"` + parent + `",`
		}
		return `{"traceId":"000102030405060708090a0b0c0d0e0f","spanId":"` + id + `","traceState":"a=b",` + parent + `"name":"GET /","kind":2,` +
			`"startTimeUnixNano":"1700000000000000005","endTimeUnixNano":"1700000000000000012","attributes":[{"key":"b","value":{"boolValue":true}},` +
			`{"key":"f","value":{"doubleValue":0.5}},{"key":"i","value":{"intValue":"3"}},{"key":"s","value":{"stringValue":"x"}}],` +
			`"events":[{"timeUnixNano":"1700000000000000005","name":"e","attributes":[{"key":"k","value":{"stringValue":"v"}}]}],` +
			`"links":[{"traceId":"ff0102030405060708090a0b0c0d0e0f","spanId":"0000000000000009"}],"status":{"message":"no","code":2}}`
	}
	resource := func(service string) string {
		return `{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"` + service + `"}},{"key":"service.version","value":{"stringValue":"v1"}},` +
			`{"key":"host.name","value":{"stringValue":"n"}}]},"scopeSpans":[`
	}
	want := `{"resourceSpans":[` + resource("web") +
		`{"scope":{"name":"lib"},"spans":[` + one("0000000000000001", "") + `,` + one("0000000000000003", "0000000000000001") + `]},` +
		`{"scope":{"name":"other"},"spans":[` + one("0000000000000004", "") + `]}]},` +
		resource("cart") + `{"scope":{"name":"lib"},"spans":[` + one("0000000000000002", "") + `]}]}]}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("OTLP (-want +got):\n%s\n%s", diff, got)
	}
}
