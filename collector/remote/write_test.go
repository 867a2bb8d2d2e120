package remote

import (
	"bytes"
	stdcmp "cmp"
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gogo/protobuf/proto"
	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/snappy"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/throttle"
)

// memory is a Store that counts inserts and can be away.
type memory struct {
	takes     time.Duration // to insert samples
	mu        sync.Mutex
	err       error
	refuse    [3][]int // samples, exemplars, metadata, by their places
	inserts   int
	samples   []clickhouse.Sample
	exemplars []clickhouse.Exemplar
	metadata  []clickhouse.Metadata
}

func (m *memory) InsertSamples(ctx context.Context, _ string, s []clickhouse.Sample) error {
	select {
	case <-time.After(m.takes):
	case <-ctx.Done():
		return ctx.Err()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.inserts++
	m.samples = append(m.samples, s...)
	return stdcmp.Or(m.err, m.refused(0))
}

func (m *memory) InsertExemplars(_ context.Context, _ string, e []clickhouse.Exemplar) error {
	m.exemplars = append(m.exemplars, e...)
	return m.refused(1)
}

func (m *memory) InsertMetadata(_ context.Context, _ string, d []clickhouse.Metadata) error {
	m.metadata = append(m.metadata, d...)
	return m.refused(2)
}

func (m *memory) refused(what int) error {
	if lost := m.refuse[what]; lost != nil {
		return &clickhouse.RefusedError{Rows: len(lost), Lost: lost}
	}
	return nil
}

const typeV2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request"

func post(t testing.TB, h http.Handler, contentType string, m proto.Message) *httptest.ResponseRecorder {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return postBody(t, h, contentType, snappy.Encode(nil, b))
}

func postBody(t testing.TB, h http.Handler, contentType string, body []byte) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/v1/write", bytes.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Content-Encoding", "snappy")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func label(name, value string) prompb.Label { return prompb.Label{Name: name, Value: value} }

func native() *histogram.Histogram {
	return &histogram.Histogram{
		Schema: 3, ZeroThreshold: 0.001, ZeroCount: 1, Count: 6, Sum: 12.5,
		PositiveSpans: []histogram.Span{{Offset: -2, Length: 2}, {Offset: 3, Length: 1}}, PositiveBuckets: []int64{1, 1, 0},
	}
}

func TestWriteV1(t *testing.T) {
	m := &memory{}
	h := NewWriter(m, nil, slog.New(slog.DiscardHandler))
	now := time.Now().UnixMilli()
	w := post(t, h, "application/x-protobuf", &prompb.WriteRequest{
		Timeseries: []prompb.TimeSeries{
			{
				Labels:     []prompb.Label{label("__name__", "up"), label("job", "a"), label("empty", "")},
				Samples:    []prompb.Sample{{Timestamp: now, Value: 1}, {Timestamp: now + 1, Value: math.Float64frombits(value.StaleNaN)}},
				Histograms: []prompb.Histogram{prompb.FromIntHistogram(now, native())},
				Exemplars:  []prompb.Exemplar{{Labels: []prompb.Label{label("trace_id", "abc")}, Value: 2, Timestamp: now}},
			},
			{Labels: []prompb.Label{label("job", "nameless")}, Samples: []prompb.Sample{{Timestamp: now}}},
			{Labels: []prompb.Label{label("__name__", "old")}, Samples: []prompb.Sample{{Timestamp: 1}, {Timestamp: now + time.Hour.Milliseconds()}}},
		},
		Metadata: []prompb.MetricMetadata{{MetricFamilyName: "up", Type: prompb.MetricMetadata_GAUGE, Help: "Is it up?"}},
	})
	if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "3 samples and exemplars refused") || !strings.Contains(w.Body.String(), "no metric name") || !strings.Contains(w.Body.String(), "ahead") || !strings.Contains(w.Body.String(), "ago") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	if w.Header().Get("X-Prometheus-Remote-Write-Samples-Written") != "" {
		t.Error("1.0 knows no such header")
	}
	if len(m.samples) != 3 || math.Float64bits(m.samples[1].Value) != value.StaleNaN || m.samples[2].Histogram.Count != 6 {
		t.Errorf("stored %+v", m.samples)
	}
	if diff := cmp.Diff(map[string]string{"job": "a"}, m.samples[0].Labels); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]clickhouse.Exemplar{{Metric: "up", Labels: map[string]string{"job": "a"}, Of: map[string]string{"trace_id": "abc"}, Time: time.UnixMilli(now), Value: 2}}, m.exemplars); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]clickhouse.Metadata{{Metric: "up", Kind: "gauge", Help: "Is it up?"}}, m.metadata); diff != "" {
		t.Error(diff)
	}
	if got, want := h.Accounting(), (Accounting{Samples: 2, Histograms: 1, Exemplars: 1, Refused: 3, Requests: 1}); got != want {
		t.Errorf("books: got %+v, want %+v", got, want)
	}
}

func TestWriteV2(t *testing.T) {
	m := &memory{}
	h := NewWriter(m, nil, slog.New(slog.DiscardHandler))
	now := time.Now().UnixMilli()
	bad := native()
	bad.Count = 99
	req := &writev2.Request{
		Symbols: []string{"", "__name__", "wait_seconds_sum", "job", "a", "trace_id", "abc", "How long.", "seconds"},
		Timeseries: []writev2.TimeSeries{{
			LabelsRefs: []uint32{1, 2, 3, 4},
			Samples:    []writev2.Sample{{Value: 1, Timestamp: now, StartTimestamp: now - 5}},
			Histograms: []writev2.Histogram{writev2.FromIntHistogram(0, now, native()), writev2.FromIntHistogram(0, now, bad), writev2.FromFloatHistogram(now-5, now, native().ToFloat(nil))},
			Exemplars:  []writev2.Exemplar{{LabelsRefs: []uint32{5, 6}, Value: 1, Timestamp: now}, {LabelsRefs: []uint32{77, 6}}},
			Metadata:   writev2.Metadata{Type: writev2.Metadata_METRIC_TYPE_HISTOGRAM, HelpRef: 7, UnitRef: 8},
		}, {LabelsRefs: []uint32{1, 2}}, {LabelsRefs: []uint32{1, 99}, Samples: []writev2.Sample{{}}}},
	}
	w := post(t, h, typeV2, req)
	if w.Code != http.StatusBadRequest {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	for header, want := range map[string]string{"Samples": "1", "Histograms": "2", "Exemplars": "1"} {
		if got := w.Header().Get("X-Prometheus-Remote-Write-" + header + "-Written"); got != want {
			t.Errorf("%s written: got %s, want %s", header, got, want)
		}
	}
	if len(m.samples) != 3 || m.samples[0].Start.UnixMilli() != now-5 || !m.samples[1].Start.IsZero() {
		t.Errorf("stored %+v", m.samples)
	}
	if diff := cmp.Diff([]clickhouse.Metadata{{Metric: "wait_seconds", Kind: "histogram", Unit: "seconds", Help: "How long."}}, m.metadata); diff != "" {
		t.Error(diff)
	}
	req.Timeseries = req.Timeseries[:1]
	req.Timeseries[0].Histograms, req.Timeseries[0].Exemplars = nil, nil
	if w := post(t, h, typeV2, req); w.Code != http.StatusNoContent || w.Header().Get("X-Prometheus-Remote-Write-Samples-Written") != "1" {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

func TestWriteRefusals(t *testing.T) {
	m := &memory{}
	h := NewWriter(m, nil, slog.New(slog.DiscardHandler))
	good := snappy.Encode(nil, nil)
	many := bytes.Repeat([]byte{0x0a, 0}, maxElements+1)
	for name, c := range map[string]struct {
		contentType string
		body        []byte
		want        int
	}{
		"empty":             {"", good, http.StatusNoContent},
		"named 1.0":         {"application/x-protobuf;proto=prometheus.WriteRequest", good, http.StatusNoContent},
		"other type":        {"application/json", good, http.StatusUnsupportedMediaType},
		"other message":     {"application/x-protobuf;proto=x.Y", good, http.StatusUnsupportedMediaType},
		"no snappy":         {"", []byte("\xff\xff\xff"), http.StatusBadRequest},
		"claims 1 GiB":      {"", []byte("\x80\x80\x80\x80\x04"), http.StatusRequestEntityTooLarge},
		"no message":        {"", snappy.Encode(nil, []byte("nonsense")), http.StatusBadRequest},
		"a million of them": {"", snappy.Encode(nil, many), http.StatusBadRequest},
		"too large":         {"", make([]byte, maxBody+1), http.StatusRequestEntityTooLarge},
		"v2 first symbol":   {typeV2, snappy.Encode(nil, []byte{0x22, 1, 'a'}), http.StatusBadRequest},
	} {
		if w := postBody(t, h, c.contentType, c.body); w.Code != c.want {
			t.Errorf("%s: got %d %s, want %d", name, w.Code, w.Body, c.want)
		}
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET: got %d", w.Code)
	}
	if m.inserts != 0 {
		t.Errorf("%d inserts", m.inserts)
	}
}

func one(name string) *prompb.WriteRequest {
	return &prompb.WriteRequest{Timeseries: []prompb.TimeSeries{{
		Labels: []prompb.Label{label("__name__", name)}, Samples: []prompb.Sample{{Timestamp: time.Now().UnixMilli(), Value: 1}},
	}}}
}

func TestStoreAway(t *testing.T) {
	h := NewWriter(&memory{err: errors.New("away")}, nil, slog.New(slog.DiscardHandler))
	w := post(t, h, "", one("a"))
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	if got := h.Accounting(); got.Failed != 1 || got.Samples != 0 {
		t.Errorf("got %+v", got)
	}
}

// TestRequestsAreGathered sends requests that must share an insert.
func TestRequestsAreGathered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		h := NewWriter(m, nil, slog.New(slog.DiscardHandler))
		begin := time.Now()
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if w := post(t, h, "", one("a")); w.Code != http.StatusNoContent {
					t.Errorf("got %d", w.Code)
				}
			})
		}
		wg.Wait()
		if m.inserts != 1 || len(m.samples) != 10 || time.Since(begin) != gather {
			t.Errorf("%d inserts of %d samples after %v", m.inserts, len(m.samples), time.Since(begin))
		}
		if h.groups.pending != 0 || h.groups.open != nil {
			t.Errorf("left: %d rows", h.groups.pending)
		}
	})
}

// What the store refuses for good its sender is told of, and nobody else whose request went with
// it; the others are stored.
func TestSendersAreToldWhatTheStoreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// Two requests of two samples and an exemplar each: the store refuses the second's first
		// sample, its exemplar, and some metadata.
		m := &memory{refuse: [3][]int{{2}, {1}, {0}}}
		h := NewWriter(m, nil, slog.New(slog.DiscardHandler))
		now := time.Now().UnixMilli()
		request := func(name string) *writev2.Request {
			return &writev2.Request{
				Symbols: []string{"", "__name__", name, "job"},
				Timeseries: []writev2.TimeSeries{{
					LabelsRefs: []uint32{1, 2},
					Samples:    []writev2.Sample{{Timestamp: now, Value: 1}},
					Histograms: []writev2.Histogram{writev2.FromIntHistogram(0, now, native())},
					Exemplars:  []writev2.Exemplar{{Timestamp: now}},
					Metadata:   writev2.Metadata{Type: writev2.Metadata_METRIC_TYPE_GAUGE},
				}},
			}
		}
		var all sync.WaitGroup
		for _, c := range []struct {
			name    string
			status  int
			written [3]string // samples, histograms, exemplars
			says    string
		}{
			{"whole", http.StatusNoContent, [3]string{"1", "1", "1"}, ""},
			{"partly", http.StatusBadRequest, [3]string{"0", "1", "0"}, "2 samples and exemplars refused: sample of partly: the store will never take it"},
		} {
			all.Go(func() {
				w := post(t, h, typeV2, request(c.name))
				got := [3]string{}
				for i, what := range []string{"Samples", "Histograms", "Exemplars"} {
					got[i] = w.Header().Get("X-Prometheus-Remote-Write-" + what + "-Written")
				}
				if w.Code != c.status || got != c.written || !strings.Contains(w.Body.String(), c.says) {
					t.Errorf("%s: %d, written %v: %s", c.name, w.Code, got, w.Body)
				}
			})
			synctest.Wait() // it is in the group
		}
		all.Wait()
		if len(m.samples) != 4 || len(m.exemplars) != 2 || len(m.metadata) != 2 || m.inserts != 1 {
			t.Errorf("%d inserts of %d samples, %d exemplars, %d metadata", m.inserts, len(m.samples), len(m.exemplars), len(m.metadata))
		}
		want := Accounting{Samples: 1, Histograms: 2, Exemplars: 1, Refused: 2, Requests: 2}
		if got := h.Accounting(); got != want {
			t.Errorf("books: got %+v, want %+v", got, want)
		}
	})
}

// A group of which the store refuses some takes many inserts: it has more than the time of one.
func TestStoringMayTakeMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewWriter(&memory{takes: 5 * time.Minute}, nil, slog.New(slog.DiscardHandler))
		if w := post(t, h, "", one("slow")); w.Code != http.StatusNoContent {
			t.Errorf("got %d %s", w.Code, w.Body)
		}
	})
}

func TestPendingIsBounded(t *testing.T) {
	g := groups{store: &memory{}, pending: maxPending}
	if err := g.add(t.Context(), &batch{samples: make([]clickhouse.Sample, 1)}); !errors.Is(err, errBusy) {
		t.Errorf("got %v", err)
	}
}

// limits refuses one series, and all samples of one tenant.
type limits struct {
	wait  time.Duration
	spent *int // items
}

func (limits) Series(_ string, l labels.Labels) error {
	if l.Get("job") == "one too many" {
		return errors.New("too many series")
	}
	return nil
}

func (m limits) Samples(claim string, items, bytes int) (giveBack func(), err error) {
	if claim != "slow" {
		*m.spent += items
		return func() { *m.spent -= items }, nil
	}
	return nil, &throttle.RefusedError{Tenant: claim, Signal: "metrics", Reason: throttle.TooManyItems, Limit: int64(items * bytes), Wait: m.wait}
}

func TestWriteBeyondLimits(t *testing.T) {
	m, spent := &memory{}, 0
	h := NewWriter(m, limits{7 * time.Second, &spent}, slog.New(slog.DiscardHandler))
	now := time.Now().UnixMilli()
	series := func(job string) prompb.TimeSeries {
		return prompb.TimeSeries{
			Labels:  []prompb.Label{label("__name__", "up"), label("job", job)},
			Samples: []prompb.Sample{{Timestamp: now, Value: 1}},
		}
	}
	req := &prompb.WriteRequest{Timeseries: []prompb.TimeSeries{series("a"), series("one too many"), series("b")}}
	w := post(t, h, "", req)
	if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "1 samples and exemplars refused: too many series") || len(m.samples) != 2 {
		t.Errorf("got %d %s; %d stored", w.Code, w.Body, len(m.samples))
	}
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set(orgID, "slow")
		h.ServeHTTP(w, r)
	})
	w = post(t, slow, "", req)
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "7" || !strings.Contains(w.Body.String(), `tenant "slow" sends more than`) || len(m.samples) != 2 {
		t.Errorf("got %d, Retry-After %q, %s; %d stored", w.Code, w.Header().Get("Retry-After"), w.Body, len(m.samples))
	}
	m.err = errors.New("away")
	if w := post(t, h, "", req); w.Code != http.StatusServiceUnavailable || spent != 3 {
		t.Errorf("while the store is away: %d; %d items are charged of two requests of three", w.Code, spent)
	}
}

func FuzzWrite(f *testing.F) {
	now := time.Now()
	v1, _ := proto.Marshal(one("a"))
	v2, _ := proto.Marshal(&writev2.Request{
		Symbols:    []string{"", "__name__", "a"},
		Timeseries: []writev2.TimeSeries{{LabelsRefs: []uint32{1, 2}, Samples: []writev2.Sample{{Timestamp: now.UnixMilli()}}, Histograms: []writev2.Histogram{writev2.FromIntHistogram(0, now.UnixMilli(), native())}}},
	})
	f.Add(snappy.Encode(nil, v1))
	f.Add(snappy.Encode(nil, v2))
	f.Fuzz(func(t *testing.T, packed []byte) {
		message, err := unpack(packed)
		if err != nil {
			return
		}
		for _, decode := range []func([]byte, *batch) error{decodeV1, decodeV2} {
			b := &batch{now: now}
			if decode(message, b) != nil {
				continue
			}
			if b.values+b.histograms != len(b.samples) {
				t.Errorf("counted %d and %d of %d", b.values, b.histograms, len(b.samples))
			}
			for _, s := range b.samples {
				if s.Metric == "" || s.Histogram != nil && s.Histogram.Validate() != nil {
					t.Errorf("took %+v", s)
				}
			}
		}
	})
}

func FuzzRead(f *testing.F) {
	m, _ := proto.Marshal(&prompb.ReadRequest{Queries: []*prompb.Query{{Matchers: []*prompb.LabelMatcher{{Name: "a", Value: "b"}}, Hints: &prompb.ReadHints{}}}})
	f.Add(snappy.Encode(nil, m))
	f.Fuzz(func(t *testing.T, packed []byte) {
		message, err := unpack(packed)
		if err != nil {
			return
		}
		if req, err := decodeRead(message); err == nil && len(req.Queries) > maxQueries {
			t.Errorf("%d queries", len(req.Queries))
		}
	})
}
