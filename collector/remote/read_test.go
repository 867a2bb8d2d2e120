package remote

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gogo/protobuf/proto"
	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/snappy"
	"github.com/prometheus/prometheus/prompb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"github.com/sightline-mesh/sightline/collector/clickhouse/clickhousetest"
	"github.com/sightline-mesh/sightline/collector/promql"
	"github.com/sightline-mesh/sightline/collector/store/storetest"
)

// TestWriteThenRead writes to the store's tables and reads back, as samples and as
// chunks.
func TestWriteThenRead(t *testing.T) {
	s := clickhousetest.Open(t, storetest.Start(t))
	logger := slog.New(slog.DiscardHandler)
	now := time.Now().UnixMilli()
	var all []prompb.Sample
	for i := range int64(300) {
		all = append(all, prompb.Sample{Timestamp: now - (300-i)*1000, Value: float64(i)})
	}
	counted := native().ToFloat(nil)
	written := []prompb.TimeSeries{
		{Labels: []prompb.Label{label("__name__", "a"), label("job", "x")}, Samples: all},
		{Labels: []prompb.Label{label("__name__", "a"), label("job", "y")}, Histograms: []prompb.Histogram{prompb.FromFloatHistogram(now, counted)}},
	}
	if w := post(t, NewWriter(s, nil, logger), "", &prompb.WriteRequest{Timeseries: written}); w.Code != http.StatusNoContent {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	h := NewReader(promql.New(promql.Config{}, s).Queryable(), logger)
	query := &prompb.Query{StartTimestampMs: now - 3_600_000, EndTimestampMs: now, Matchers: []*prompb.LabelMatcher{
		{Type: prompb.LabelMatcher_EQ, Name: "__name__", Value: "a"}, {Type: prompb.LabelMatcher_RE, Name: "job", Value: "x|y"},
	}}

	w := post(t, h, "", &prompb.ReadRequest{Queries: []*prompb.Query{query}})
	var got prompb.ReadResponse
	if message, err := snappy.Decode(nil, w.Body.Bytes()); err != nil || proto.Unmarshal(message, &got) != nil {
		t.Fatalf("got %d %s, %v", w.Code, w.Body, err)
	}
	if len(got.Results) != 1 || len(got.Results[0].Timeseries) != 2 {
		t.Fatalf("got %v", got.Results)
	}
	for i, ts := range got.Results[0].Timeseries {
		if !proto.Equal(ts, &written[i]) {
			t.Errorf("got %v, want %v", ts, &written[i])
		}
	}

	frames := framesOf(t, post(t, h, "", &prompb.ReadRequest{
		Queries:               []*prompb.Query{query},
		AcceptedResponseTypes: []prompb.ReadRequest_ResponseType{prompb.ReadRequest_STREAMED_XOR_CHUNKS, prompb.ReadRequest_SAMPLES},
	}))
	if len(frames) != 2 {
		t.Fatalf("got %d frames", len(frames))
	}
	var read []prompb.Sample
	for _, c := range frames[0].ChunkedSeries[0].Chunks {
		chunk, err := chunkenc.FromData(chunkenc.Encoding(c.Type), c.Data)
		if err != nil || c.Type != prompb.Chunk_XOR {
			t.Fatalf("chunk of type %v: %v", c.Type, err)
		}
		for it := chunk.Iterator(nil); it.Next() != chunkenc.ValNone; {
			at, v := it.At()
			read = append(read, prompb.Sample{Timestamp: at, Value: v})
		}
	}
	if diff := cmp.Diff(all, read); diff != "" {
		t.Error(diff)
	}
	if c := frames[1].ChunkedSeries[0].Chunks; len(c) != 1 || c[0].Type != prompb.Chunk_FLOAT_HISTOGRAM {
		t.Errorf("got %v", c)
	}
}

// framesOf reads a stream of chunks as a client does.
func framesOf(t *testing.T, w *httptest.ResponseRecorder) (out []prompb.ChunkedReadResponse) {
	t.Helper()
	if got := w.Header().Get("Content-Type"); got != "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse" {
		t.Errorf("content type %s", got)
	}
	for b := bytes.NewReader(w.Body.Bytes()); b.Len() > 0; {
		n, err := binary.ReadUvarint(b)
		if err != nil {
			t.Fatal(err)
		}
		head, message := make([]byte, 4), make([]byte, n)
		for _, into := range [][]byte{head, message} {
			if _, err := b.Read(into); err != nil {
				t.Fatal(err)
			}
		}
		if crc32.Checksum(message, crc32.MakeTable(crc32.Castagnoli)) != binary.BigEndian.Uint32(head) {
			t.Fatal("wrong checksum")
		}
		var f prompb.ChunkedReadResponse
		if err := proto.Unmarshal(message, &f); err != nil {
			t.Fatal(err)
		}
		out = append(out, f)
	}
	return out
}

func TestReadRefusals(t *testing.T) {
	h := NewReader(nil, slog.New(slog.DiscardHandler))
	many := &prompb.ReadRequest{}
	for range maxQueries + 1 {
		many.Queries = append(many.Queries, &prompb.Query{})
	}
	for name, w := range map[string]*httptest.ResponseRecorder{
		"no snappy":    postBody(t, h, "", []byte("\xff\xff")),
		"no message":   postBody(t, h, "", snappy.Encode(nil, []byte("nonsense"))),
		"many queries": post(t, h, "", many),
		"other type":   post(t, h, "", &prompb.ReadRequest{AcceptedResponseTypes: []prompb.ReadRequest_ResponseType{7}}),
		"too large":    postBody(t, h, "", make([]byte, maxRead+1)),
	} {
		if w.Code != http.StatusBadRequest && w.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: got %d %s", name, w.Code, w.Body)
		}
	}
}
