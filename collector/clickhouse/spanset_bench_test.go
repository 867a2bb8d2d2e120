package clickhouse

import (
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/collector/store/storetest"
)

// fillSpans makes spans of 24 hours, of 20 services, with eleven attributes, one of which
// only identifies. One in fifty has failed, most of these towards version v2.
const fillSpans = `
INSERT INTO spans_by_time (trace_id, span_id, parent_id, name, kind, service, version, instance, mesh, start, duration, status,
    peer, peer_version, method, path, http_status, grpc_status, flags, protocol, mtls, attributes, numbers, resource)
SELECT
    unhex(hex(sipHash128(intDiv(number, 10)))), unhex(hex(sipHash64(number))), if(number % 10 = 0, toFixedString('', 8), unhex(hex(sipHash64(number - 1)))),
    'GET /items', ['server', 'client'][number % 2 + 1], concat('service-', toString(cityHash64(number) % 20)), 'v1', concat('i-', toString(number % 40)), true,
    fromUnixTimestamp64Nano({start:Int64} + intDiv(number * 86400000000000, {spans:Int64}), 'UTC'),
    toUInt64(1000000 * exp(rand(1) / 4294967295 * 6)), if(bad, 'error', 'unset'),
    'cart', if(rand(2) % 10 = 0 OR (bad AND rand(3) % 10 < 8), 'v2', 'v1'), 'GET', concat('/items/', toString(number % 1000)), if(bad, 503, 200), -1,
    if(bad, 'UF', ''), 'http/1.1', true,
    map('customer', toString(cityHash64(number) % 5000), 'order', toString(generateUUIDv4(number)), 'region', ['eu', 'us', 'ap'][number % 3 + 1], 'tier', ['a', 'b'][number % 2 + 1]),
    map('db.rows', number % 50, 'retries', number % 3), map('host.name', concat('node-', toString(number % 30)), 'os', 'linux', 'sdk', 'go', 'zone', 'a', 'pod', toString(number % 40))
FROM (SELECT number, rand(4) % 50 = 0 AS bad FROM numbers({from:UInt64}, {count:UInt64}))`

// BenchmarkSpanSets asks for what stands above the list of traces, of two million spans.
func BenchmarkSpanSets(b *testing.B) {
	const spans, batch = 2_000_000, 100_000
	s := openStore(b, storetest.Start(b))
	if err := s.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	end := time.Now().UTC().Truncate(time.Hour)
	for from := 0; from < spans; from += batch {
		if err := s.conn.Exec(b.Context(), fillSpans, Param("start", nanos(end.Add(-24*time.Hour))), Param("spans", int64(spans)),
			Param("from", uint64(from)), Param("count", uint64(batch))); err != nil {
			b.Fatal(err)
		}
	}
	day := signal.TraceQuery{Start: end.Add(-24 * time.Hour), End: end}
	one := day
	one.Service = "service-7"
	for name, ask := range map[string]func() (uint64, error){
		"heatmap of roots": func() (uint64, error) {
			h, err := s.Heatmap(b.Context(), signal.SpanQuery{Search: day, Roots: true}, 60)
			return h.Spans, err
		},
		"heatmap of all": func() (uint64, error) {
			h, err := s.Heatmap(b.Context(), signal.SpanQuery{Search: day}, 60)
			return h.Spans, err
		},
		"heatmap of a service": func() (uint64, error) {
			h, err := s.Heatmap(b.Context(), signal.SpanQuery{Search: one}, 60)
			return h.Spans, err
		},
		"deltas of all": func() (uint64, error) {
			d, err := s.Deltas(b.Context(), signal.DeltaQuery{SpanQuery: signal.SpanQuery{Search: day}, Selected: "status = error"})
			return uint64(len(d.Keys)), err
		},
		"deltas of a service": func() (uint64, error) {
			d, err := s.Deltas(b.Context(), signal.DeltaQuery{SpanQuery: signal.SpanQuery{Search: one}, Selected: "status = error"})
			return uint64(len(d.Keys)), err
		},
		"completion of a key": func() (uint64, error) {
			found, err := s.CompleteKeys(b.Context(), signal.CompletionQuery{Of: signal.OfSpans, Typed: "or", Start: day.Start, End: end})
			return uint64(len(found)), err
		},
		"completion of a value": func() (uint64, error) {
			found, err := s.CompleteValues(b.Context(), "customer", signal.CompletionQuery{Of: signal.OfSpans, Typed: "12", Start: day.Start, End: end})
			return uint64(len(found)), err
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if n, err := ask(); err != nil || n == 0 {
					b.Fatalf("%d, %v", n, err)
				}
			}
		})
	}
}
