package emit

import (
	"strings"
	"testing"
)

const (
	hexTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	hexSpan  = "00f067aa0ba902b7"
)

func TestParseTraceparent(t *testing.T) {
	tests := map[string]struct {
		header  string
		ok      bool
		sampled bool
	}{
		"sampled":                  {"00-" + hexTrace + "-" + hexSpan + "-01", true, true},
		"not sampled":              {"00-" + hexTrace + "-" + hexSpan + "-00", true, false},
		"unknown flags are let be": {"00-" + hexTrace + "-" + hexSpan + "-ff", true, true},
		"later version":            {"cc-" + hexTrace + "-" + hexSpan + "-01", true, true},
		"later version with more":  {"cc-" + hexTrace + "-" + hexSpan + "-01-what", true, true},
		"later version, bad tail":  {"cc-" + hexTrace + "-" + hexSpan + "-01.what", false, false},
		"version ff":               {"ff-" + hexTrace + "-" + hexSpan + "-01", false, false},
		"version 00 with more":     {"00-" + hexTrace + "-" + hexSpan + "-01-what", false, false},
		"upper case trace":         {"00-" + strings.ToUpper(hexTrace) + "-" + hexSpan + "-01", false, false},
		"zero trace":               {"00-" + strings.Repeat("0", 32) + "-" + hexSpan + "-01", false, false},
		"zero span":                {"00-" + hexTrace + "-0000000000000000-01", false, false},
		"not hex":                  {"00-" + strings.Repeat("g", 32) + "-" + hexSpan + "-01", false, false},
		"short":                    {"00-" + hexTrace + "-" + hexSpan + "-1", false, false},
		"wrong separator":          {"00_" + hexTrace + "-" + hexSpan + "-01", false, false},
		"empty":                    {"", false, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, ok := ParseTraceparent(tt.header)
			if ok != tt.ok || got.Sampled != tt.sampled {
				t.Fatalf("ParseTraceparent(%q) = %+v, %v", tt.header, got, ok)
			}
			if ok && (got.ID.String() != hexTrace || got.Span.String() != hexSpan) {
				t.Errorf("ids %s %s", got.ID, got.Span)
			}
		})
	}
}

func TestB3(t *testing.T) {
	tests := map[string]struct {
		b3      B3
		ok      bool
		trace   string
		sampled bool
	}{
		"single":             {B3{Single: hexTrace + "-" + hexSpan + "-1"}, true, hexTrace, true},
		"single, parent":     {B3{Single: hexTrace + "-" + hexSpan + "-d-05e3ac9a4f6e3b90"}, true, hexTrace, true},
		"single, no state":   {B3{Single: hexTrace + "-" + hexSpan}, true, hexTrace, false},
		"single, denied":     {B3{Single: hexTrace + "-" + hexSpan + "-0"}, true, hexTrace, false},
		"single, only state": {B3{Single: "0"}, false, "", false},
		"single, bad parent": {B3{Single: hexTrace + "-" + hexSpan + "-1-zz"}, false, "", false},
		"single, bad state":  {B3{Single: hexTrace + "-" + hexSpan + "-x"}, false, "", false},
		"64-bit trace":       {B3{TraceID: hexSpan, SpanID: hexSpan, Sampled: "1"}, true, strings.Repeat("0", 16) + hexSpan, true},
		"multi":              {B3{TraceID: hexTrace, SpanID: hexSpan, Sampled: "0"}, true, hexTrace, false},
		"multi, debug":       {B3{TraceID: hexTrace, SpanID: hexSpan, Sampled: "0", Flags: "1"}, true, hexTrace, true},
		"multi, upper case":  {B3{TraceID: strings.ToUpper(hexTrace), SpanID: hexSpan, Sampled: "true"}, true, hexTrace, true},
		"multi, no state":    {B3{TraceID: hexTrace, SpanID: hexSpan}, true, hexTrace, false},
		"multi, bad state":   {B3{TraceID: hexTrace, SpanID: hexSpan, Sampled: "x"}, false, "", false},
		"multi, no span":     {B3{TraceID: hexTrace}, false, "", false},
		"nothing":            {B3{}, false, "", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, ok := tt.b3.Trace()
			if ok != tt.ok || got.Sampled != tt.sampled {
				t.Fatalf("Trace() = %+v, %v", got, ok)
			}
			if ok && got.ID.String() != tt.trace {
				t.Errorf("trace id %s, want %s", got.ID, tt.trace)
			}
		})
	}
}

func TestChildKeepsTrace(t *testing.T) {
	parent := NewTrace()
	child := parent.Child()
	if child.ID != parent.ID || child.Span == parent.Span || !child.Sampled {
		t.Errorf("child %+v of %+v", child, parent)
	}
	unsampled := Trace{ID: parent.ID, Span: parent.Span}
	if got := unsampled.Traceparent(); !strings.HasSuffix(got, "-00") {
		t.Errorf("unsampled traceparent %q", got)
	}
}

func TestAppendTraceparentDoesNotAllocate(t *testing.T) {
	tr := NewTrace()
	buf := make([]byte, 0, traceparentLen)
	if n := testing.AllocsPerRun(100, func() { buf = tr.AppendTraceparent(buf[:0]) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	header := string(buf)
	if n := testing.AllocsPerRun(100, func() { ParseTraceparent(header) }); n != 0 {
		t.Errorf("parsing: %v allocations", n)
	}
}

func FuzzParseTraceparent(f *testing.F) {
	f.Add("00-" + hexTrace + "-" + hexSpan + "-01")
	f.Add("cc-" + hexTrace + "-" + hexSpan + "-01-what")
	f.Fuzz(func(t *testing.T, s string) {
		tr, ok := ParseTraceparent(s)
		if !ok {
			return
		}
		again, ok := ParseTraceparent(tr.Traceparent())
		if !ok || again != tr {
			t.Errorf("%q read as %+v, written and read again as %+v, %v", s, tr, again, ok)
		}
	})
}

func TestB3Decision(t *testing.T) {
	const ids = hexTrace + "-" + hexSpan
	for name, tt := range map[string]struct {
		b3            B3
		sampled, said bool
	}{
		"nothing":                  {B3{}, false, false},
		"single":                   {B3{Single: "1"}, true, true},
		"single, denied":           {B3{Single: "0"}, false, true},
		"single, ids":              {B3{Single: ids}, false, false},
		"single, ids, empty state": {B3{Single: ids + "-"}, false, false},
		"single, ids and parent":   {B3{Single: ids + "--" + hexSpan}, false, false},
		"single, ids and state":    {B3{Single: ids + "-0"}, false, true},
		"single, ids and debug":    {B3{Single: ids + "-d"}, true, true},
		"multi, ids":               {B3{TraceID: hexTrace, SpanID: hexSpan}, false, false},
		"multi, ids and state":     {B3{TraceID: hexTrace, SpanID: hexSpan, Sampled: "0"}, false, true},
		"multi, ids and debug":     {B3{TraceID: hexTrace, SpanID: hexSpan, Flags: "1"}, true, true},
		"multi, bad state":         {B3{Sampled: "x"}, false, false},
	} {
		if sampled, said := tt.b3.Decision(); sampled != tt.sampled || said != tt.said {
			t.Errorf("%s: %v, %v, want %v, %v", name, sampled, said, tt.sampled, tt.said)
		}
	}
}

func FuzzB3(f *testing.F) {
	f.Add(hexTrace+"-"+hexSpan+"-1", "", "", "", "", "")
	f.Add(hexSpan+"-"+hexSpan+"-d-"+hexSpan, "", "", "", "", "")
	f.Add("", hexTrace, hexSpan, hexSpan, "1", "0")
	f.Add("d", "", "", "", "", "1")
	f.Fuzz(func(t *testing.T, single, trace, span, parent, sampled, flags string) {
		h := B3{Single: single, TraceID: trace, SpanID: span, ParentSpanID: parent, Sampled: sampled, Flags: flags}
		tr, ok := h.Trace()
		form := h.Form()
		if !ok {
			h.Decision()
			return
		}
		if tr.ID.IsZero() || tr.Span.IsZero() {
			t.Errorf("accepted a zero id: %+v", tr)
		}
		var out B3Fields
		out.Set(form, tr, tr.Span)
		again := B3{
			TraceID: string(out.TraceID()), SpanID: string(out.SpanID()), ParentSpanID: string(out.ParentSpanID()),
			Sampled: string(out.Sampled()),
		}
		if out.Sampled() == nil {
			again.Flags = "1"
		}
		for _, again := range []B3{{Single: string(out.Single())}, again} {
			if got, ok := again.Trace(); !ok || got != tr {
				t.Errorf("%+v read as %+v, written as %+v and read again as %+v, %v", h, tr, again, got, ok)
			}
		}
	})
}

func FuzzBoundedLists(f *testing.F) {
	f.Add("a=1,b=2;p")
	f.Add(strings.Repeat("k=v, ", 70))
	f.Add("a=" + strings.Repeat("x", 8190) + ",b=1")
	f.Fuzz(func(t *testing.T, value string) {
		for name, tt := range map[string]struct {
			bound          func(string) (string, int)
			members, bytes int
		}{"baggage": {BoundBaggage, 64, 8192}, "tracestate": {BoundTracestate, 32, 512}} {
			kept, dropped := tt.bound(value)
			if len(kept) > tt.bytes || strings.Count(kept, ",") >= tt.members {
				t.Errorf("%s: %d bytes, %d members", name, len(kept), strings.Count(kept, ",")+1)
			}
			if again, more := tt.bound(kept); again != kept || more != 0 {
				t.Errorf("%s: %q is bounded again", name, kept)
			}
			if dropped == 0 && len(value) <= tt.bytes && strings.Count(value, ",") < tt.members && kept != value {
				t.Errorf("%s: %q changed to %q", name, value, kept)
			}
		}
	})
}

func TestLongStateMembersGoFirst(t *testing.T) {
	long := "vendor=" + strings.Repeat("x", 200)
	kept, dropped := BoundTracestate(strings.Join([]string{long, "a=1", long, "b=2", long}, ","))
	if kept != "a=1,b=2" || dropped != 3 {
		t.Errorf("kept %q, dropped %d", kept, dropped)
	}
}
