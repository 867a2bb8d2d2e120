package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// The shape of Jaeger's published benchmark: ten spans a trace, one of each of ten
// services, each span with eleven attributes out of 97 keys and 1,000 values.
const (
	spansPerTrace  = 10
	keyCount       = 97
	valueCount     = 1000
	perSpan        = 11
	tracesPerBatch = 100 // one request: 1,000 spans, as from a busy sidecar or an agent
	rareEvery      = 10_000
	rareKey        = "deploy.ticket"
)

// dataset makes requests of OTLP, already encoded: what is measured is not the sender.
// The same number always gives the same trace.
type dataset struct {
	traces int
	begin  time.Time
	step   time.Duration // from trace to trace

	keys, values, services, names [][]byte
}

func newDataset(traces int, over time.Duration, end time.Time) *dataset {
	return &dataset{
		traces: traces, begin: end.Add(-over), step: over / time.Duration(traces),
		keys: numbered("key_", keyCount), values: numbered("value_", valueCount),
		services: numbered("service-", spansPerTrace), names: numbered("operation_", spansPerTrace),
	}
}

func numbered(prefix string, n int) [][]byte {
	all := make([][]byte, n)
	for i := range all {
		all[i] = strconv.AppendInt([]byte(prefix), int64(i), 10)
	}
	return all
}

func (d *dataset) String() string {
	return fmt.Sprintf("%d spans, %d attributes each, over %s", d.traces*spansPerTrace, perSpan, d.step*time.Duration(d.traces))
}

func (d *dataset) batches() int { return (d.traces + tracesPerBatch - 1) / tracesPerBatch }

// start is when a trace begins.
func (d *dataset) start(trace int) time.Time { return d.begin.Add(time.Duration(trace) * d.step) }

func dice(trace, n int) *rand.Rand { return rand.New(rand.NewPCG(uint64(trace), uint64(n))) }

// traceID names a trace by its number, spread over all ids.
func traceID(trace int) (id [16]byte) {
	r := dice(trace, spansPerTrace)
	binary.BigEndian.PutUint64(id[:], r.Uint64())
	binary.BigEndian.PutUint64(id[8:], r.Uint64())
	return id
}

func spanID(trace, n int) (id [8]byte) {
	binary.BigEndian.PutUint64(id[:], dice(trace, n).Uint64()|1)
	return id
}

// rare is the value that only this trace has, empty for most.
func rare(trace int) string {
	if trace%rareEvery != rareEvery/2 {
		return ""
	}
	return "ticket-" + strconv.Itoa(trace)
}

// Fields of OTLP's messages, and the values of its enumerations.
const (
	fieldResourceSpans protowire.Number = 1 // of the request
	fieldResource      protowire.Number = 1 // of ResourceSpans
	fieldScopeSpans    protowire.Number = 2
	fieldAttributes    protowire.Number = 1 // of Resource
	fieldScope         protowire.Number = 1 // of ScopeSpans
	fieldSpans         protowire.Number = 2
	fieldScopeName     protowire.Number = 1
	fieldTrace         protowire.Number = 1 // of Span
	fieldSpan          protowire.Number = 2
	fieldParent        protowire.Number = 4
	fieldName          protowire.Number = 5
	fieldKind          protowire.Number = 6
	fieldStart         protowire.Number = 7
	fieldEnd           protowire.Number = 8
	fieldSpanAttribute protowire.Number = 9
	fieldStatus        protowire.Number = 15
	fieldCode          protowire.Number = 3 // of Status
	fieldKey           protowire.Number = 1 // of KeyValue
	fieldValue         protowire.Number = 2
	fieldString        protowire.Number = 1 // of AnyValue
	fieldInt           protowire.Number = 3

	kindServer  = 2
	statusError = 2
)

// batch encodes one request: of each service its spans of a hundred traces.
func (d *dataset) batch(n int) (request []byte, spans int) {
	first, last := n*tracesPerBatch, min((n+1)*tracesPerBatch, d.traces)
	for s := range spansPerTrace {
		scope := field(nil, fieldScope, field(nil, fieldScopeName, []byte("loadtest")))
		for trace := first; trace < last; trace++ {
			scope = field(scope, fieldSpans, d.span(trace, s))
			spans++
		}
		resource := field(nil, fieldAttributes, attribute([]byte("service.name"), d.services[s]))
		request = field(request, fieldResourceSpans, field(field(nil, fieldResource, resource), fieldScopeSpans, scope))
	}
	return request, spans
}

// span encodes the nth span of a trace; the others are the children of the first.
func (d *dataset) span(trace, n int) []byte {
	var (
		r      = dice(trace, spansPerTrace+1+n)
		id     = traceID(trace)
		own    = spanID(trace, n)
		start  = d.start(trace).Add(time.Duration(n) * time.Millisecond)
		took   = time.Duration(r.ExpFloat64() * float64(30*time.Millisecond))
		failed = r.IntN(50) == 0
		b      = make([]byte, 0, 600)
		status = uint64(200)
	)
	b = field(field(b, fieldTrace, id[:]), fieldSpan, own[:])
	if n > 0 {
		root := spanID(trace, 0)
		b = field(b, fieldParent, root[:])
	}
	b = varint(field(b, fieldName, d.names[n]), fieldKind, kindServer)
	b = nanos(nanos(b, fieldStart, start), fieldEnd, start.Add(took))
	if failed {
		status = 503
		b = field(b, fieldStatus, varint(nil, fieldCode, statusError))
	}
	value := varint(nil, fieldInt, status)
	b = field(b, fieldSpanAttribute, field(field(nil, fieldKey, []byte("http.response.status_code")), fieldValue, value))
	plain := perSpan - 1
	if special := rare(trace); special != "" && n == spansPerTrace-1 {
		b = field(b, fieldSpanAttribute, attribute([]byte(rareKey), []byte(special)))
		plain--
	}
	from := r.IntN(keyCount)
	for k := range plain {
		b = field(b, fieldSpanAttribute, attribute(d.keys[(from+k*7)%keyCount], d.values[r.IntN(valueCount)]))
	}
	return b
}

func field(b []byte, n protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, n, protowire.BytesType), v)
}

func varint(b []byte, n protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), v)
}

func nanos(b []byte, n protowire.Number, t time.Time) []byte {
	return protowire.AppendFixed64(protowire.AppendTag(b, n, protowire.Fixed64Type), uint64(t.UnixNano()))
}

func attribute(key, value []byte) []byte {
	return field(field(nil, fieldKey, key), fieldValue, field(nil, fieldString, value))
}
