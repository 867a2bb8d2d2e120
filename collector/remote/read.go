package remote

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/klauspost/compress/snappy"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

const (
	maxReaders  = 10     // requests at a time; the others wait
	maxQueries  = 32     // of one request
	maxMatchers = 64     // of one query
	maxRead     = 50_000 // bytes of a request
	// maxSamples bounds an answer that is not streamed, which is in memory as a whole.
	maxSamples = 5_000_000
)

// Reader serves remote read.
type Reader struct {
	source storage.Queryable
	places places
	logger *slog.Logger
}

// NewReader makes a handler of remote read out of a source.
func NewReader(q storage.Queryable, logger *slog.Logger) *Reader {
	return &Reader{source: q, places: make(places, maxReaders), logger: logger}
}

// ServeHTTP answers one request.
func (h *Reader) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !posted(w, r) || !h.places.take(r) {
		return
	}
	defer h.places.leave()
	if err := h.serve(w, r); err != nil {
		status := statusOf(err)
		h.logger.WarnContext(r.Context(), "remote read was not answered", "status", status, "error", err)
		http.Error(w, err.Error(), status)
	}
}

func (h *Reader) serve(w http.ResponseWriter, r *http.Request) error {
	message, err := readBody(w, r, maxRead)
	if err != nil {
		return err
	}
	req, err := decodeRead(message)
	if err != nil {
		return &refusal{http.StatusBadRequest, err}
	}
	switch preferred(req.AcceptedResponseTypes) {
	case prompb.ReadRequest_STREAMED_XOR_CHUNKS:
		return h.chunks(r.Context(), w, req)
	case prompb.ReadRequest_SAMPLES:
		return h.samples(r.Context(), w, req)
	}
	return &refusal{http.StatusBadRequest, fmt.Errorf("accepted response types %v: want SAMPLES or STREAMED_XOR_CHUNKS", req.AcceptedResponseTypes)}
}

// preferred is the first response type that this server has, as clients name the best
// first; -1 is none.
func preferred(accepted []prompb.ReadRequest_ResponseType) prompb.ReadRequest_ResponseType {
	if len(accepted) == 0 {
		return prompb.ReadRequest_SAMPLES
	}
	for _, t := range accepted {
		if t == prompb.ReadRequest_SAMPLES || t == prompb.ReadRequest_STREAMED_XOR_CHUNKS {
			return t
		}
	}
	return -1
}

// decodeRead reads a prometheus.ReadRequest.
func decodeRead(message []byte) (*prompb.ReadRequest, error) {
	var req prompb.ReadRequest
	if err := decode(message, &req, "prometheus.ReadRequest"); err != nil {
		return nil, err
	}
	if len(req.Queries) > maxQueries {
		return nil, fmt.Errorf("%d queries; want at most %d", len(req.Queries), maxQueries)
	}
	for _, q := range req.Queries {
		if len(q.Matchers) > maxMatchers {
			return nil, fmt.Errorf("%d matchers; want at most %d", len(q.Matchers), maxMatchers)
		}
	}
	return &req, nil
}

// open begins a query.
func (h *Reader) open(ctx context.Context, q *prompb.Query) (storage.SeriesSet, error) {
	matchers := make([]*labels.Matcher, 0, len(q.Matchers))
	for _, m := range q.Matchers {
		if m.Type < prompb.LabelMatcher_EQ || m.Type > prompb.LabelMatcher_NRE {
			return nil, &refusal{http.StatusBadRequest, fmt.Errorf("matcher of %q: type %d; want 0 to 3", m.Name, m.Type)}
		}
		matcher, err := labels.NewMatcher(labels.MatchType(m.Type), m.Name, m.Value) // the numbers are the same
		if err != nil {
			return nil, &refusal{http.StatusBadRequest, fmt.Errorf("matcher of %q: %w", m.Name, err)}
		}
		matchers = append(matchers, matcher)
	}
	source, err := h.source.Querier(q.StartTimestampMs, q.EndTimestampMs)
	if err != nil {
		return nil, err
	}
	var hints *storage.SelectHints
	if s := q.Hints; s != nil {
		hints = &storage.SelectHints{Start: s.StartMs, End: s.EndMs, Step: s.StepMs, Func: s.Func, Grouping: s.Grouping, By: s.By, Range: s.RangeMs}
	}
	return source.Select(ctx, true, hints, matchers...), nil
}

// samples answers with one message.
func (h *Reader) samples(ctx context.Context, w http.ResponseWriter, req *prompb.ReadRequest) error {
	var out prompb.ReadResponse
	left := maxSamples
	for _, q := range req.Queries {
		set, err := h.open(ctx, q)
		if err != nil {
			return err
		}
		result := &prompb.QueryResult{}
		for set.Next() {
			ts, err := raw(set.At(), &left)
			if err != nil {
				return err
			}
			result.Timeseries = append(result.Timeseries, ts)
		}
		if err := set.Err(); err != nil {
			return err
		}
		out.Results = append(out.Results, result)
	}
	message, err := out.Marshal()
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	w.Header().Set("Content-Encoding", "snappy")
	if _, err := w.Write(snappy.Encode(nil, message)); err != nil {
		h.logger.DebugContext(ctx, "answer not taken", "error", err)
	}
	return nil
}

// raw writes down a series' samples, of which so many may still be taken.
func raw(s storage.Series, left *int) (*prompb.TimeSeries, error) {
	out := &prompb.TimeSeries{Labels: prompb.FromLabels(s.Labels(), nil)}
	it := s.Iterator(nil)
	for kind := it.Next(); kind != chunkenc.ValNone; kind = it.Next() {
		if *left--; *left < 0 {
			return nil, &refusal{http.StatusBadRequest, fmt.Errorf("more than %d samples; ask for streamed chunks, a shorter range or fewer series", maxSamples)}
		}
		if kind == chunkenc.ValFloat {
			t, v := it.At()
			out.Samples = append(out.Samples, prompb.Sample{Timestamp: t, Value: v})
			continue
		}
		t, fh := it.AtFloatHistogram(nil)
		out.Histograms = append(out.Histograms, prompb.FromFloatHistogram(t, fh))
	}
	return out, it.Err()
}
