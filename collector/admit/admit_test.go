package admit

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/sightline-mesh/sightline/collector/limits"
	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/collector/throttle"
)

const notUTF8 = "caf\xe9"

// with is an Admission of the default limits but for the caps.
func with(c limits.Caps) *Admission { return New(limits.Config{Caps: c}.WithDefaults()) }

// spansOfService is a request of one resource with n spans, "span-0" and on.
func spansOfService(service string, n int) (ptrace.Traces, ptrace.SpanSlice) {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr(signal.KeyService, service)
	all := rs.ScopeSpans().AppendEmpty().Spans()
	for i := range n {
		all.AppendEmpty().SetName(fmt.Sprintf("span-%d", i))
	}
	return td, all
}

func names(td ptrace.Traces) (all []string) {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				all = append(all, s.Name())
			}
		}
	}
	return all
}

// What is not UTF-8 is named, in whatever field; the rest of the request is taken.
func TestTextOfSpans(t *testing.T) {
	tests := map[string]struct {
		spoil func(ptrace.Span)
		want  string
	}{
		"name":          {func(s ptrace.Span) { s.SetName(notUTF8) }, `span "caf\xe9" (trace 01000000000000000000000000000000, span 0200000000000000): name is not UTF-8`},
		"status":        {func(s ptrace.Span) { s.Status().SetMessage(notUTF8) }, "status message is not UTF-8"},
		"trace state":   {func(s ptrace.Span) { s.TraceState().FromRaw(notUTF8) }, "trace state is not UTF-8"},
		"attribute":     {func(s ptrace.Span) { s.Attributes().PutStr("user", notUTF8) }, `span "span-1" (trace 01000000000000000000000000000000, span 0200000000000000): attribute "user" is not UTF-8`},
		"key":           {func(s ptrace.Span) { s.Attributes().PutStr(notUTF8, "") }, `the key "caf\xe9" of an attribute is not UTF-8`},
		"in a list":     {func(s ptrace.Span) { s.Attributes().PutEmptySlice("all").AppendEmpty().SetStr(notUTF8) }, `attribute "all" is not UTF-8`},
		"in a map":      {func(s ptrace.Span) { s.Attributes().PutEmptyMap("all").PutStr("x", notUTF8) }, `attribute "all" is not UTF-8`},
		"key in a map":  {func(s ptrace.Span) { s.Attributes().PutEmptyMap("all").PutInt(notUTF8, 1) }, `attribute "all" is not UTF-8`},
		"event":         {func(s ptrace.Span) { s.Events().AppendEmpty(); s.Events().AppendEmpty().SetName(notUTF8) }, "event 2: name is not UTF-8"},
		"event's":       {func(s ptrace.Span) { s.Events().AppendEmpty().Attributes().PutStr("x", notUTF8) }, `event 1: attribute "x" is not UTF-8`},
		"link's":        {func(s ptrace.Span) { s.Links().AppendEmpty().Attributes().PutStr("x", notUTF8) }, `link 1: attribute "x" is not UTF-8`},
		"bytes are any": {func(s ptrace.Span) { s.Attributes().PutEmptyBytes("x").FromRaw([]byte(notUTF8)) }, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			td, all := spansOfService("shop", 3)
			all.At(1).SetTraceID(pcommon.TraceID{1})
			all.At(1).SetSpanID(pcommon.SpanID{2})
			tt.spoil(all.At(1))
			out, err := with(limits.Caps{}).Traces(Sender{}, td)
			if err != nil {
				t.Fatal(err)
			}
			if tt.want == "" {
				if out.Rejected() != 0 || td.SpanCount() != 3 {
					t.Errorf("rejected: %s", out.Message())
				}
				return
			}
			if out.Rejected() != 1 || out.Left() != 2 || !cmp.Equal(names(td), []string{"span-0", "span-2"}) || out.Invalid() != nil {
				t.Errorf("%d rejected; %v left; %v", out.Rejected(), names(td), out.Invalid())
			}
			if got := out.Message(); !strings.HasPrefix(got, "1 of 3 spans rejected: ") || !strings.Contains(got, tt.want) {
				t.Errorf("%s\nwant %s in it", got, tt.want)
			}
		})
	}
}

func TestTextOfResourceAndScope(t *testing.T) {
	td, _ := spansOfService("shop", 2)
	bad := td.ResourceSpans().AppendEmpty()
	bad.Resource().Attributes().PutStr("host.name", notUTF8)
	bad.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	scope := td.ResourceSpans().At(0).ScopeSpans().AppendEmpty()
	scope.Scope().SetName(notUTF8)
	scope.Spans().AppendEmpty()
	scope.Spans().AppendEmpty()
	out, err := with(limits.Caps{}).Traces(Sender{}, td)
	if err != nil {
		t.Fatal(err)
	}
	want := `3 of 5 spans rejected: scope of 2 spans: name is not UTF-8; resource of 1 spans: attribute "host.name" is not UTF-8`
	if got := out.Message(); got != want || td.SpanCount() != 2 {
		t.Errorf("%s; %d left\nwant %s", got, td.SpanCount(), want)
	}
}

func TestNothingIsLeft(t *testing.T) {
	td, all := spansOfService("shop", 5)
	for _, s := range all.All() {
		s.Attributes().PutStr("x", notUTF8)
	}
	out, _ := with(limits.Caps{}).Traces(Sender{}, td)
	err := out.Invalid()
	if err == nil || td.SpanCount() != 0 || strings.Count(err.Error(), "attribute") != maxFaults {
		t.Errorf("%v, %d left; want %d faults told", err, td.SpanCount(), maxFaults)
	}
	empty := ptrace.NewTraces()
	if out, err := with(limits.Caps{}).Traces(Sender{}, empty); err != nil || out.Invalid() != nil {
		t.Errorf("an empty request: %v %v", err, out.Invalid())
	}
}

func TestTextOfLogs(t *testing.T) {
	ld := plog.NewLogs()
	all := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for i, spoil := range []func(plog.LogRecord){
		func(r plog.LogRecord) { r.Body().SetStr("fine") },
		func(r plog.LogRecord) { r.Body().SetStr(notUTF8) },
		func(r plog.LogRecord) { r.SetEventName(notUTF8) },
		func(r plog.LogRecord) { r.Attributes().PutStr("x", notUTF8) },
	} {
		r := all.AppendEmpty()
		r.SetTimestamp(pcommon.Timestamp(1e18 + i))
		spoil(r)
	}
	out, err := with(limits.Caps{}).Logs(Sender{}, ld)
	if err != nil {
		t.Fatal(err)
	}
	want := "3 of 4 log records rejected: log record of 2001-09-09T01:46:40Z: body is not UTF-8; " +
		"log record of 2001-09-09T01:46:40Z: event name is not UTF-8; log record of 2001-09-09T01:46:40Z: attribute \"x\" is not UTF-8"
	if got := out.Message(); got != want || ld.LogRecordCount() != 1 {
		t.Errorf("%s; %d left\nwant %s", got, ld.LogRecordCount(), want)
	}
}

// A record without any time gets the one at which it came; what a record says stays.
func TestRecordsWithoutTimeAreObserved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ld := plog.NewLogs()
		all := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
		all.AppendEmpty()
		all.AppendEmpty().SetTimestamp(1)
		all.AppendEmpty().SetObservedTimestamp(2)
		if _, err := with(limits.Caps{}).Logs(Sender{}, ld); err != nil {
			t.Fatal(err)
		}
		now := pcommon.NewTimestampFromTime(time.Now())
		for i, want := range []struct{ at, observed pcommon.Timestamp }{{0, now}, {1, 0}, {0, 2}} {
			if r := all.At(i); r.Timestamp() != want.at || r.ObservedTimestamp() != want.observed {
				t.Errorf("record %d: %d, observed %d", i, r.Timestamp(), r.ObservedTimestamp())
			}
		}
	})
}

// Attributes beyond their number and what of a value is too long go, and are counted.
func TestAttributesAreTrimmed(t *testing.T) {
	td, all := spansOfService("shop", 1)
	r := td.ResourceSpans().At(0).Resource().Attributes()
	for i := range 5 {
		r.PutInt(fmt.Sprint("r", i), 1)
	}
	r.PutStr(signal.KeyInstance, "shop-1") // last, and kept
	attrs := all.At(0).Attributes()
	attrs.PutStr("long", strings.Repeat("é", 100)) // 200 bytes, cut within a character
	attrs.PutEmptyMap("map").PutEmptySlice("list").AppendEmpty().SetStr(strings.Repeat("x", 130))
	attrs.PutEmptyBytes("bytes").FromRaw(make([]byte, 500))
	attrs.PutStr("fits", strings.Repeat("x", 129))
	attrs.PutInt("fifth", 1)
	all.At(0).Events().AppendEmpty().Attributes().PutStr("event", strings.Repeat("x", 130))
	out, err := with(limits.Caps{Attributes: 4, AttributeBytes: 129}).Traces(Sender{}, td)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{tooManyAttrs: 1 + 3, tooLongAttr: 4}, out.truncated); diff != "" {
		t.Error(diff)
	}
	span := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	want := map[string]any{
		"long": strings.Repeat("é", 64), "map": map[string]any{"list": []any{strings.Repeat("x", 129)}},
		"bytes": make([]byte, 129), "fits": strings.Repeat("x", 129),
	}
	if diff := cmp.Diff(want, span.Attributes().AsRaw()); diff != "" {
		t.Error(diff)
	}
	if got := span.DroppedAttributesCount(); got != 1 {
		t.Errorf("%d dropped", got)
	}
	wantResource := map[string]any{signal.KeyService: "shop", signal.KeyInstance: "shop-1", "r0": int64(1), "r1": int64(1)}
	if diff := cmp.Diff(wantResource, td.ResourceSpans().At(0).Resource().Attributes().AsRaw()); diff != "" {
		t.Error(diff)
	}
	if out.Rejected() != 0 {
		t.Error(out.Message())
	}
}

func TestSpanNamesAreBounded(t *testing.T) {
	a := with(limits.Caps{SpanNames: 3})
	td, _ := spansOfService("shop", 5)
	out, _ := a.Traces(Sender{}, td)
	if diff := cmp.Diff([]string{"span-0", "span-1", "span-2", signal.Overflow, signal.Overflow}, names(td)); diff != "" {
		t.Error(diff)
	}
	last := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(4)
	if got, _ := last.Attributes().Get(signal.KeySpanName); got.Str() != "span-4" {
		t.Errorf("the name is lost: %v", last.Attributes().AsRaw())
	}
	if out.overflow[overflowName] != 2 || out.Rejected() != 0 {
		t.Errorf("%+v", out)
	}
	other, _ := spansOfService("other", 3)
	if out, _ := a.Traces(Sender{}, other); len(out.overflow) > 0 {
		t.Errorf("another service: %+v", out.overflow)
	}
}

func TestServicesAreBounded(t *testing.T) {
	a := with(limits.Caps{Services: 2})
	for i := range 4 {
		td, _ := spansOfService(fmt.Sprint("s", i), 3)
		out, _ := a.Traces(Sender{Namespace: "flood"}, td)
		service, _ := td.ResourceSpans().At(0).Resource().Attributes().Get(signal.KeyService)
		if i < 2 && service.Str() != fmt.Sprint("s", i) || i >= 2 && (service.Str() != signal.Overflow || out.overflow[overflowService] != 3) {
			t.Errorf("service %d is %q, %+v", i, service.Str(), out.overflow)
		}
	}
	td, _ := spansOfService("s9", 1)
	if out, _ := a.Traces(Sender{Namespace: "shop"}, td); len(out.overflow) > 0 {
		t.Errorf("another tenant: %+v", out.overflow)
	}
}

func TestEdgesOfAppSpansAreBounded(t *testing.T) {
	a := with(limits.Caps{REDKeys: 2})
	td, all := spansOfService("shop", 5)
	for i, s := range all.All() {
		s.SetKind(ptrace.SpanKindClient)
		s.Attributes().PutStr("peer.service", fmt.Sprint("peer-", min(i, 3)))
		s.Attributes().PutInt("user.id", int64(i)) // has no part in it
	}
	out, _ := a.Traces(Sender{}, td)
	if got := out.overflow[overflowEdge]; got != 3 {
		t.Errorf("%d spans overflow", got)
	}
	for i, s := range all.All() {
		if _, got := s.Attributes().Get(signal.KeyEdge); got != (i >= 2) {
			t.Errorf("span %d: %v", i, got)
		}
	}
}

func TestTenants(t *testing.T) {
	tests := map[string]struct {
		sender    Sender
		namespace string
		want      string
		proved    bool
	}{
		"certificate":             {Sender{Namespace: "shop"}, "other", "shop", true},
		"certificate beats claim": {Sender{Namespace: "shop", Claim: "bank"}, "", "shop", true},
		"claim":                   {Sender{Claim: "bank"}, "other", "claimed/bank", false},
		"resource":                {Sender{}, "other", "claimed/other", false},
		"nothing":                 {Sender{}, "", "anonymous", false},
		"a claim of proof":        {Sender{Claim: "claimed/x"}, "", "claimed/claimed/x", false},
		"no text":                 {Sender{}, notUTF8, "claimed/caf?", false},
	}
	for name, tt := range tests {
		r := pcommon.NewResource()
		if tt.namespace != "" {
			r.Attributes().PutStr(signal.KeyNamespace, tt.namespace)
		}
		if got, proved := tt.sender.tenant(r); got != tt.want || proved != tt.proved {
			t.Errorf("%s: %q, proved %v", name, got, proved)
		}
	}
}

// A request that was charged for before it was decoded is charged for what was not counted.
func TestWhatWasNotCountedIsCharged(t *testing.T) {
	c := limits.Config{Tenants: map[string]limits.Rates{"slow": {Traces: limits.Rate{Items: 1}}}}
	a := New(c.WithDefaults())
	s := Sender{Namespace: "slow", Bytes: 100}
	if err := a.Charge("traces", s, 2); err != nil {
		t.Fatal(err)
	}
	s.Charged, s.Counted = true, 2
	for _, items := range []int{1, 2, 5} {
		td, _ := spansOfService("x", items)
		if _, err := a.Traces(s, td); err != nil {
			t.Fatal(err)
		}
	}
	for _, b := range a.Tenants() {
		if b.Taken != 5 || b.TakenBytes != 100 {
			t.Errorf("%+v", b)
		}
	}
}

// What comes to nothing costs nothing, whoever charged for it.
func TestReturn(t *testing.T) {
	a := New(limits.Default())
	s := Sender{Namespace: "shop", Bytes: 100}
	if err := a.Charge("traces", s, 2); err != nil {
		t.Fatal(err)
	}
	counted := s
	counted.Charged, counted.Counted = true, 2
	for _, of := range []Sender{counted, s} {
		td, _ := spansOfService("x", 5)
		out, err := a.Traces(of, td)
		if err != nil {
			t.Fatal(err)
		}
		if b := a.Tenants(); b[0].Taken != 5 || b[0].TakenBytes != 100 {
			t.Errorf("while it is taken: %+v", b[0])
		}
		a.Return(out)
		a.Return(out) // for which nothing is left
		if b := a.Tenants(); b[0].Taken != 0 || b[0].TakenBytes != 0 {
			t.Errorf("once it is not: %+v", b[0])
		}
	}
}

// A request of several tenants is charged to each; it is refused whole, and stays as it is.
func TestRate(t *testing.T) {
	c := limits.Config{Tenants: map[string]limits.Rates{"claimed/slow": {Traces: limits.Rate{Items: 1}}}}
	a := New(c.WithDefaults())
	request := func() ptrace.Traces {
		td, all := spansOfService("x", 5)
		td.ResourceSpans().At(0).Resource().Attributes().PutStr(signal.KeyNamespace, "slow")
		all.At(0).Attributes().PutStr("x", notUTF8)
		other, _ := spansOfService("y", 7)
		other.ResourceSpans().MoveAndAppendTo(td.ResourceSpans())
		return td
	}
	for range 2 {
		if _, err := a.Traces(Sender{}, request()); err != nil {
			t.Fatal(err)
		}
	}
	td := request()
	_, err := a.Traces(Sender{}, td)
	refused, ok := errors.AsType[*throttle.RefusedError](err)
	if !ok || refused.Tenant != "claimed/slow" || td.SpanCount() != 12 {
		t.Errorf("%v, %d spans", err, td.SpanCount())
	}
	for _, b := range a.Tenants() {
		if want := map[string]uint64{"claimed/slow": 10, "anonymous": 14}[b.Tenant]; b.Taken != want || b.TakenBytes == 0 {
			t.Errorf("%+v", b)
		}
	}
}
