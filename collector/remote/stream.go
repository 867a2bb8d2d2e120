package remote

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"net/http"

	"github.com/prometheus/prometheus/prompb"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// maxFrame is how many bytes of chunks a frame holds before the next begins, as in
// Prometheus. One series per frame.
const maxFrame = 1 << 20

// stream writes frames: a length, a checksum and a ChunkedReadResponse each.
type stream struct {
	to    http.ResponseWriter
	sums  *crc32.Table
	began bool
}

// chunks answers with a stream of frames.
func (h *Reader) chunks(ctx context.Context, w http.ResponseWriter, req *prompb.ReadRequest) error {
	out := &stream{to: w, sums: crc32.MakeTable(crc32.Castagnoli)}
	w.Header().Set("Content-Type", "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse")
	for i, q := range req.Queries {
		set, err := h.open(ctx, q)
		if err == nil {
			err = out.query(int64(i), set)
		}
		if err != nil && out.began {
			// The status has gone out. An end in the middle of the stream would look like
			// all there is.
			h.logger.WarnContext(ctx, "remote read breaks off", "error", err)
			panic(http.ErrAbortHandler)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *stream) query(index int64, set storage.SeriesSet) error {
	for set.Next() {
		if err := s.series(index, set.At()); err != nil {
			return err
		}
	}
	return set.Err()
}

func (s *stream) series(index int64, from storage.Series) error {
	frame := &prompb.ChunkedReadResponse{QueryIndex: index, ChunkedSeries: []*prompb.ChunkedSeries{
		{Labels: prompb.FromLabels(from.Labels(), nil)},
	}}
	only := frame.ChunkedSeries[0]
	size := 0
	it := storage.NewSeriesToChunkEncoder(startless{from}).Iterator(nil)
	for it.Next() {
		c := it.At()
		data := c.Chunk.Bytes()
		only.Chunks = append(only.Chunks, prompb.Chunk{
			MinTimeMs: c.MinTime, MaxTimeMs: c.MaxTime, Type: prompb.Chunk_Encoding(c.Chunk.Encoding()), Data: data,
		})
		if size += len(data); size >= maxFrame {
			if err := s.frame(frame); err != nil {
				return err
			}
			only.Chunks, size = nil, 0
		}
	}
	if err := it.Err(); err != nil {
		return fmt.Errorf("encode chunks of %s: %w", from.Labels(), err)
	}
	if len(only.Chunks) == 0 {
		return nil
	}
	return s.frame(frame)
}

func (s *stream) frame(f *prompb.ChunkedReadResponse) error {
	message, err := f.Marshal()
	if err != nil {
		return fmt.Errorf("encode frame: %w", err)
	}
	head := binary.AppendUvarint(nil, uint64(len(message)))
	head = binary.BigEndian.AppendUint32(head, crc32.Checksum(message, s.sums))
	s.began = true
	for _, b := range [][]byte{head, message} {
		if _, err := s.to.Write(b); err != nil {
			return fmt.Errorf("write frame: %w", err)
		}
	}
	return nil
}

// startless hides since when a counter has been counting: chunks that say so are of a
// kind which older clients cannot read.
type startless struct{ storage.Series }

func (s startless) Iterator(it chunkenc.Iterator) chunkenc.Iterator {
	return startlessWalk{s.Series.Iterator(it)}
}

type startlessWalk struct{ chunkenc.Iterator }

func (startlessWalk) AtST() int64 { return 0 }
