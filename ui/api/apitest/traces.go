package apitest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/collector/signal"
)

const (
	traceEvery = 700 * time.Millisecond
	idPrefix   = "5197000000000000"
)

// step is one call of a made-up request.
type step struct {
	service, version, name string
	ms                     float64
	calls                  []step
}

func requestKinds() []step {
	catalog := step{"catalog", "v1", "GET /products/{id}", 8, []step{
		{"reviews", "v2", "GET /reviews/{id}", 14, []step{{"ratings", "v1", "shop.Ratings/Get", 3, nil}}},
	}}
	return []step{
		{"gateway", "v1", "GET /", 46, []step{
			{"users", "v1", "GET /users/me", 4, nil},
			catalog,
			{"recommendations", "v1", "GET /recommendations", 24, []step{{"catalog", "v1", "GET /products", 8, nil}}},
		}},
		{"gateway", "v1", "GET /cart", 30, []step{{"cart", "v1", "GET /cart", 11, []step{{"catalog", "v1", "GET /products", 8, nil}}}}},
		{"gateway", "v1", "POST /checkout", 120, []step{{"checkout", "v1", "POST /checkout", 88, []step{
			{"cart", "v1", "GET /cart", 10, nil},
			{"payments", "v1", "POST /charge", 52, nil},
			{"shipping", "v1", "POST /shipments", 17, []step{{"users", "v1", "GET /users/me/address", 4, nil}}},
		}}}},
	}
}

func traceIDOf(n int64) string { return fmt.Sprintf("%s%016x", idPrefix, n) }

// Trace is every span of one made-up trace.
func (s *Shop) Trace(_ context.Context, id string) ([]signal.Span, error) {
	n, err := strconv.ParseInt(strings.TrimPrefix(id, idPrefix), 16, 64)
	if err != nil || !strings.HasPrefix(id, idPrefix) || s.silent {
		return nil, fmt.Errorf("trace %s: %w", id, ErrNotFound)
	}
	return spansOf(n), nil
}

func spansOf(n int64) []signal.Span {
	r := random(n)
	kinds := requestKinds()
	kind := kinds[[]int{0, 0, 0, 1, 1, 2}[r.IntN(6)]]
	b := builder{trace: traceIDOf(n), r: r, fails: r.IntN(40) == 0 && kind.name == "POST /checkout" || r.IntN(90) == 0}
	b.hop(kind, "", time.UnixMilli(n*traceEvery.Milliseconds()), "outside")
	return b.spans
}

type builder struct {
	trace string
	r     *rand.Rand
	spans []signal.Span
	fails bool
}

func (b *builder) id() string { return fmt.Sprintf("%016x", b.r.Uint64()|1) }

// hop adds the two spans of a call and those beneath it, and says how long it took.
func (b *builder) hop(s step, parent string, at time.Time, caller string) (time.Duration, bool) {
	client, server := b.id(), b.id()
	if caller == "outside" {
		client = ""
	}
	inside := at.Add(400 * time.Microsecond)
	busy := time.Duration(s.ms * (0.35 + b.r.ExpFloat64()*0.3) * float64(time.Millisecond))
	cursor, failed := inside.Add(busy/3), b.fails && (s.service == "payments" || len(s.calls) == 0 && s.service == "ratings")
	for _, c := range s.calls {
		took, bad := b.hop(c, server, cursor, s.service)
		cursor = cursor.Add(took + 200*time.Microsecond)
		failed = failed || bad && c.service != "ratings"
	}
	end := cursor.Add(busy * 2 / 3)
	status, code := "ok", int64(200)
	if failed {
		status, code = "error", 503
	}
	attrs := map[string]any{
		signal.KeyMethod: strings.Fields(s.name)[0], signal.KeyPath: "/" + s.service, signal.KeyStatus: code,
		signal.KeyPeer: caller, signal.KeyMTLS: caller != "outside", signal.KeyConfig: int64(41),
	}
	up := signal.Span{
		TraceID: b.trace, SpanID: server, ParentID: client, Name: s.name, Kind: "server", Service: s.service, Version: s.version,
		Instance: s.service + "-" + s.version + "-1", Mesh: true, Start: inside, DurationNS: int64(end.Sub(inside)), Status: status, Attributes: attrs,
	}
	took := end.Sub(at) + 500*time.Microsecond
	if client != "" {
		down := up
		down.SpanID, down.ParentID, down.Kind, down.Service, down.Version = client, parent, "client", caller, "v1"
		down.Instance, down.Start, down.DurationNS = caller+"-v1-1", at, int64(took)
		down.Attributes = map[string]any{
			signal.KeyMethod: attrs[signal.KeyMethod], signal.KeyPeer: s.service, signal.KeyPeerVer: s.version, signal.KeyStatus: code,
			signal.KeyMTLS: true, signal.KeyAttempts: int64(1), signal.KeyConfig: int64(41),
		}
		if failed && s.service == "payments" {
			down.StatusMessage = "503 from payments v2"
			down.Attributes[signal.KeyFlags] = "URX"
			down.Attributes[signal.KeyAttempts] = int64(2)
			down.Attributes[signal.KeyTries] = `[{"instance":"payments-v2-1","ms":21.4,"status":503,"reason":"503 from the application"},{"instance":"payments-v2-1","ms":19.8,"status":503,"reason":"503 from the application"}]`
		}
		b.spans = append(b.spans, down)
	}
	b.spans = append(b.spans, up)
	return took, failed
}

// SearchTraces walks back from the newest trace. The cursor is the number of a trace.
func (s *Shop) SearchTraces(_ context.Context, q signal.TraceQuery) (signal.TracePage, error) {
	var page signal.TracePage
	f, err := parseFilter(q.Filter)
	if err != nil || s.silent {
		return page, err
	}
	n := q.End.UnixMilli() / traceEvery.Milliseconds()
	if c, err := strconv.ParseInt(q.Cursor, 10, 64); err == nil {
		n = c
	}
	for ; n*traceEvery.Milliseconds() > q.Start.UnixMilli(); n-- {
		if len(page.Traces) == q.Limit {
			page.Next = strconv.FormatInt(n, 10)
			break
		}
		spans := spansOf(n)
		if t := summaryOf(spans); matches(t, q) && slices.ContainsFunc(spans, f.span) {
			page.Traces = append(page.Traces, t)
		}
	}
	return page, nil
}

func summaryOf(spans []signal.Span) signal.TraceSummary {
	t := signal.TraceSummary{TraceID: spans[0].TraceID, Spans: len(spans)}
	for _, s := range spans {
		if s.ParentID == "" {
			t.RootService, t.RootName, t.Start, t.DurationNS = s.Service, s.Name, s.Start, s.DurationNS
		}
		if s.Status == "error" {
			t.Errors++
		}
		if !slices.Contains(t.Services, s.Service) {
			t.Services = append(t.Services, s.Service)
		}
	}
	slices.Sort(t.Services)
	return t
}

func matches(t signal.TraceSummary, q signal.TraceQuery) bool {
	took := time.Duration(t.DurationNS)
	switch {
	case q.Service != "" && !slices.Contains(t.Services, q.Service),
		q.MinDuration > 0 && took < q.MinDuration,
		q.MaxDuration > 0 && took > q.MaxDuration,
		(q.Status == "error" || q.Status == "503") && t.Errors == 0,
		q.Status == "ok" && t.Errors > 0,
		q.Text != "" && !strings.Contains(strings.ToLower(t.RootName), strings.ToLower(q.Text)):
		return false
	}
	return true
}
