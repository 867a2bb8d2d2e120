package main

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/collector/signal"
)

// TestTracesAreFound by the API that the web app has, and one of them is shown.
func TestTracesAreFound(t *testing.T) {
	s := openShop(t)
	page := func(args ...string) (out signal.TracePage) {
		t.Helper()
		said, err := s.run(t, "", append([]string{"traces", "-o", "json"}, args...)...)
		if err = errors.Join(err, json.Unmarshal([]byte(said), &out)); err != nil {
			t.Fatalf("traces %q: %v, %s", args, err, said)
		}
		return out
	}
	all := page("--limit", "1000", "--since", "5m")
	if n := len(all.Traces); n < 300 {
		t.Fatalf("%d traces of five minutes, want those of every 0.7 s", n)
	}
	for name, c := range map[string]struct {
		args []string
		fits func(signal.TraceSummary) bool
	}{
		"of a service":  {[]string{"--service", "checkout"}, func(x signal.TraceSummary) bool { return strings.Contains(strings.Join(x.Services, " "), "checkout") }},
		"that failed":   {[]string{"--status", "error", "--since", "1h"}, func(x signal.TraceSummary) bool { return x.Errors > 0 }},
		"slow ones":     {[]string{"--min-duration", "60ms"}, func(x signal.TraceSummary) bool { return x.DurationNS >= 60e6 }},
		"quick ones":    {[]string{"--max-duration", "60ms"}, func(x signal.TraceSummary) bool { return x.DurationNS <= 60e6 }},
		"with a name":   {[]string{"--text", "cart"}, func(x signal.TraceSummary) bool { return strings.Contains(x.RootName, "cart") }},
		"by a filter":   {[]string{"--filter", `service = "payments"`}, func(x signal.TraceSummary) bool { return strings.Contains(strings.Join(x.Services, " "), "payments") }},
		"of long ago":   {[]string{"--since", "3h", "--until", "2h"}, func(x signal.TraceSummary) bool { return time.Since(x.Start) > 2*time.Hour-time.Second }},
		"after a time":  {[]string{"--since", all.Traces[10].Start.Format(time.RFC3339Nano)}, func(x signal.TraceSummary) bool { return !x.Start.Before(all.Traces[11].Start) }},
		"a few of them": {[]string{"--limit", "3"}, func(signal.TraceSummary) bool { return true }},
	} {
		found := page(c.args...).Traces
		if len(found) == 0 || name == "a few of them" && len(found) != 3 {
			t.Errorf("%s: %d are found", name, len(found))
		}
		for _, x := range found {
			if !c.fits(x) {
				t.Errorf("%s: found is %+v", name, x)
			}
		}
	}

	said, err := s.run(t, "", "traces", "--limit", "2")
	if err != nil || !regexp.MustCompile(`(?s)^TRACE +BEGAN +MS +SPANS.*\nThere are more: --limit, or --until 20\S+Z for older ones\.\n$`).MatchString(said) {
		t.Errorf("two of many are told as\n%s, %v", said, err)
	}
	if said, err = s.run(t, "", "trace", all.Traces[0].TraceID); err != nil || !strings.HasPrefix(said, "AT ") || !strings.Contains(said, "gateway v1") || strings.Count(said, "\n") != all.Traces[0].Spans+1 {
		t.Errorf("a trace of %d spans is shown as\n%s, %v", all.Traces[0].Spans, said, err)
	}
	for want, args := range map[string][]string{
		"not found":                {"trace", strings.Repeat("0", 32)},
		"32 lower-case hex digits": {"trace", "xyz"},
		"status":                   {"traces", "--status", "bad"},
		"filter":                   {"traces", "--filter", "service ="},
		"maxDuration":              {"traces", "--min-duration", "2s", "--max-duration", "1s"},
		"start":                    {"traces", "--since", "1m", "--until", "1h"},
	} {
		if said, err := s.run(t, "", args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %s, want %q", args, err, said, want)
		}
	}
}

// Spans stand below their causes, whatever is missing or goes in circles, each once.
func TestOutline(t *testing.T) {
	at := time.Unix(1e9, 0)
	span := func(id, parent string, ms int) signal.Span {
		return signal.Span{SpanID: id, ParentID: parent, Name: id, Start: at.Add(time.Duration(ms) * time.Millisecond)}
	}
	var got []string
	for _, r := range outline([]signal.Span{
		span("late", "root", 9), span("root", "", 1), span("early", "root", 2), span("below", "early", 3),
		span("orphan", "gone", 0), span("self", "self", 4), span("a", "b", 6), span("b", "a", 5),
	}) {
		got = append(got, strings.Repeat(" ", r.depth)+r.span.SpanID)
		if !r.first.Equal(at) {
			t.Errorf("%s: the trace began at %s, want %s", r.span.SpanID, r.first, at)
		}
	}
	if diff := cmp.Diff([]string{"orphan", "root", " early", "  below", " late", "self", "a", " b"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhatASpanSays(t *testing.T) {
	for name, c := range map[string]struct {
		span signal.Span
		want []string // who, status, remark
	}{
		"a retry that failed": {
			signal.Span{
				Service: "cart", Version: "v2", Mesh: true, Kind: "client", Status: "error", StatusMessage: "503 from payments",
				Attributes: map[string]any{signal.KeyStatus: 503.0, signal.KeyFlags: "URX", signal.KeyAttempts: 2.0, signal.KeyReason: "retries used up"},
			}, []string{"cart v2", "sidecar client", "503", "URX; retries used up; 2 tries; 503 from payments"},
		},
		"gRPC":       {signal.Span{Service: "ratings", Attributes: map[string]any{signal.KeyStatus: 200.0, signal.KeyGRPCStatus: 14.0}}, []string{"ratings", "app", "grpc 14", ""}},
		"an app's":   {signal.Span{Service: "ratings", Kind: "internal", Status: "unset"}, []string{"ratings", "app internal", "", ""}},
		"went well":  {signal.Span{Service: "x", Mesh: true, Status: "ok", Attributes: map[string]any{signal.KeyFlags: "-", signal.KeyAttempts: 1.0}}, []string{"x", "sidecar", "ok", ""}},
		"said twice": {signal.Span{Service: "x", StatusMessage: "no", Attributes: map[string]any{signal.KeyReason: "no"}}, []string{"x", "app", "", "no"}},
	} {
		if diff := cmp.Diff(c.want, []string{named(&c.span), teller(&c.span), statusOf(&c.span), oddities(&c.span)}); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
