package serve

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/emit"
	"github.com/sightline-mesh/sightline/proxy/sampling"
)

const (
	traceA, spanA = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	traceB        = "4bf92f3577b34da6a3ce929d0e0e4736"
	short         = "8448eb211c80319c"
)

// context is what an app is told of a trace.
type traceContext struct{ Traceparent, B3, TraceID, SpanID, ParentSpanID, Sampled, Flags string }

func contextIn(h http.Header) traceContext {
	return traceContext{
		h.Get("traceparent"), h.Get("b3"), h.Get("x-b3-traceid"), h.Get("x-b3-spanid"), h.Get("x-b3-parentspanid"),
		h.Get("x-b3-sampled"), h.Get("x-b3-flags"),
	}
}

func TestB3GoesInAndOut(t *testing.T) {
	for _, protocol := range []string{"http/1.1", "h2"} {
		t.Run(protocol, func(t *testing.T) {
			seen := make(chan http.Header, 1)
			m := newMesh(t, meshConfig{}, app{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header.Clone() })})
			c := m.client(t)
			if protocol == "h2" {
				c = m.client2(t)
			}
			multi := func(trace, span, sampled, flags string) http.Header {
				h := http.Header{"X-B3-Traceid": {trace}, "X-B3-Spanid": {span}}
				if sampled != "" {
					h.Set("X-B3-Sampled", sampled)
				}
				if flags != "" {
					h.Set("X-B3-Flags", flags)
				}
				h.Set("X-B3-ParentSpanId", "00000000000000ff")
				return h
			}
			both := multi(traceB, spanA, "1", "")
			both.Set("Traceparent", "00-"+traceA+"-"+spanA+"-00")
			padded := strings.Repeat("0", 16) + short
			for i, tt := range []struct {
				name    string
				in      http.Header
				trace   string // of ours
				b3      string // the trace id that the app sees in B3's words, "" for none
				single  bool
				sampled bool
				state   string
			}{
				{"multi", multi(traceA, spanA, "1", ""), traceA, traceA, false, true, "1"},
				{"multi, not sampled", multi(traceA, spanA, "0", ""), traceA, traceA, false, false, "0"},
				{"multi, undecided", multi(traceA, spanA, "", ""), traceA, traceA, false, true, "1"},
				{"multi, debug", multi(traceA, spanA, "", "1"), traceA, traceA, false, true, ""},
				{"multi, 64 bits", multi(short, spanA, "1", ""), padded, short, false, true, "1"},
				{"single", http.Header{"B3": {traceA + "-" + spanA + "-1"}}, traceA, traceA, true, true, "1"},
				{"single, 64 bits, not sampled", http.Header{"B3": {short + "-" + spanA + "-0"}}, padded, short, true, false, "0"},
				{"single, debug", http.Header{"B3": {traceA + "-" + spanA + "-d-00000000000000ff"}}, traceA, traceA, true, true, "d"},
				{"W3C wins", both, traceA, traceA, false, false, "0"},
				{"W3C alone", http.Header{"Traceparent": {"00-" + traceA + "-" + spanA + "-01"}}, traceA, "", false, true, ""},
			} {
				r := request(t, "GET", "/", nil)
				r.Header = tt.in
				do(t, c, r)
				out, inbound, app := m.records.await(t, i), m.sidecars[0].records.await(t, i), contextIn(<-seen)
				if out.Trace.ID.String() != tt.trace || out.ParentID.String() != spanA || out.Trace.Sampled != tt.sampled || inbound.Trace.Sampled != tt.sampled {
					t.Errorf("%s: record %v parent %v", tt.name, out.Trace, out.ParentID)
				}
				if want := signal.TraceRequestID(tt.trace); out.RequestID != want || inbound.RequestID != want {
					t.Errorf("%s: request ids %q and %q, want %q", tt.name, out.RequestID, inbound.RequestID, want)
				}
				want := traceContext{Traceparent: inbound.Trace.Traceparent(), Flags: tt.in.Get("X-B3-Flags")}
				span, parent := inbound.Trace.Span.String(), inbound.ParentID.String()
				switch {
				case tt.b3 == "":
				case tt.single:
					want.B3 = fmt.Sprintf("%s-%s-%s-%s", tt.b3, span, tt.state, parent)
				default:
					want.TraceID, want.SpanID, want.ParentSpanID, want.Sampled = tt.b3, span, parent, tt.state
				}
				if app != want || inbound.ParentID != out.Trace.Span {
					t.Errorf("%s: the app got %+v,\nwant %+v", tt.name, app, want)
				}
			}
		})
	}
}

func TestDecisionWithoutATrace(t *testing.T) {
	m := newMesh(t, meshConfig{}, to(t, "ok"))
	c := m.client(t)
	for i, tt := range []struct {
		name, value string
		sampled     bool
	}{{"B3", "0", false}, {"B3", "1", true}, {"X-B3-Sampled", "0", false}, {"X-B3-Flags", "1", true}, {"B3", "nonsense", true}} {
		r := request(t, "GET", "/", nil)
		r.Header.Set(tt.name, tt.value)
		do(t, c, r)
		if out, in := m.records.await(t, i), m.sidecars[0].records.await(t, i); out.Trace.Sampled != tt.sampled || in.Trace.Sampled != tt.sampled || out.ParentID != (emit.SpanID{}) {
			t.Errorf("%s: %s is taken for %v, %v", tt.name, tt.value, out.Trace.Sampled, in.Trace.Sampled)
		}
	}
}

func TestBaggageAndStateAreBounded(t *testing.T) {
	many := func(n int, value string) string {
		var members []string
		for i := range n {
			members = append(members, fmt.Sprintf("k%d=%s", i, value))
		}
		return strings.Join(members, ",")
	}
	for _, protocol := range []string{"http/1.1", "h2"} {
		seen := make(chan http.Header, 1)
		m := newMesh(t, meshConfig{}, app{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header.Clone() })})
		c := m.client(t)
		if protocol == "h2" {
			c = m.client2(t)
		}
		send := func(header http.Header) http.Header {
			t.Helper()
			r := request(t, "GET", "/", nil)
			r.Header = header
			r.Header.Set("Traceparent", "00-"+traceA+"-"+spanA+"-01")
			if res, _ := do(t, c, r); res.Status != 200 {
				t.Fatalf("%s: status %d", protocol, res.Status)
			}
			return <-seen
		}
		h := send(http.Header{"Baggage": {"user=ada;p=1", "cart=7"}, "Tracestate": {"a=1", "b=2"}})
		if got := strings.Join(h["Baggage"], ","); got != "user=ada;p=1,cart=7" && got != "user=ada;p=1, cart=7" {
			t.Errorf("%s: baggage %q", protocol, h["Baggage"])
		}
		if got := strings.Join(h["Tracestate"], ","); got != "a=1,b=2" {
			t.Errorf("%s: tracestate %q", protocol, got)
		}
		h = send(http.Header{"Baggage": {many(40, "v"), many(40, "w")}, "Tracestate": {many(40, "v")}})
		if got := h.Values("Baggage"); len(got) != 1 || strings.Count(got[0], ",") != 63 || !strings.HasPrefix(got[0], "k0=v,") {
			t.Errorf("%s: baggage %q", protocol, got)
		}
		if got := h.Values("Tracestate"); len(got) != 1 || strings.Count(got[0], ",") != 31 {
			t.Errorf("%s: tracestate %q", protocol, got)
		}
		h = send(http.Header{"Baggage": {many(1, strings.Repeat("x", 9000))}})
		if len(h["Baggage"]) != 0 {
			t.Errorf("%s: baggage of %d bytes went on", protocol, len(h["Baggage"][0]))
		}
		if baggage, state := m.out.Traces().Dropped(); baggage != 17 || state != 8 {
			t.Errorf("%s: dropped %d, %d, want 17 and 8", protocol, baggage, state)
		}
	}
}

func TestSampling(t *testing.T) {
	sampler, err := sampling.Compile(&mesh.Sampling{
		Percentage: 0, KeepErrors: true,
		Rules: []mesh.SamplingRule{{PathPrefix: "/debug", Percentage: 100}, {Headers: map[string]string{"x-debug": "1"}, Percentage: 100}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, protocol := range []string{"http/1.1", "h2"} {
		m := newMesh(t, meshConfig{sampler: func() *sampling.Sampler { return sampler }}, app{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/fail" {
				w.WriteHeader(http.StatusInternalServerError)
			}
		})})
		c := m.client(t)
		if protocol == "h2" {
			c = m.client2(t)
		}
		for i, tt := range []struct {
			path, header, value string
			sampled, kept       bool
		}{
			{"/", "", "", false, false},
			{"/debug/1", "", "", true, false},
			{"/", "X-Debug", "1", true, false},
			{"/fail", "", "", false, true},
			{"/", "Traceparent", "00-" + traceA + "-" + spanA + "-01", true, false},
			{"/debug/1", "Traceparent", "00-" + traceA + "-" + spanA + "-00", false, false},
			{"/", "B3", "1", true, false},
			{"/", "B3", traceA + "-" + spanA, false, false},
			{"/debug/1", "B3", traceA + "-" + spanA, true, false},
			{"/debug/1", "B3", traceA + "-" + spanA + "-0", false, false},
			{"/a/../debug/1", "", "", true, false},
			{"/debug/../a", "", "", false, false},
		} {
			r := request(t, "GET", tt.path, nil)
			if tt.header != "" {
				r.Header.Set(tt.header, tt.value)
			}
			do(t, c, r)
			out, in := m.records.await(t, i), m.sidecars[0].records.await(t, i)
			for name, rec := range map[string]emit.Record{"outbound": out, "inbound": in} {
				if rec.Trace.Sampled != tt.sampled || rec.Kept != tt.kept {
					t.Errorf("%s %s %s %s, %s: sampled %v, kept %v", protocol, tt.path, tt.header, tt.value, name, rec.Trace.Sampled, rec.Kept)
				}
			}
			if in.Trace.ID != out.Trace.ID || in.ParentID != out.Trace.Span {
				t.Errorf("%s: what is kept does not hang together", tt.path)
			}
		}
	}
}
