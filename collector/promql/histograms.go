package promql

import (
	"context"
	_ "embed"
	"encoding/binary"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/prometheus/model/histogram"
)

//go:embed sql/histograms.sql
var histogramsSQL string

// histograms reads native histograms into series by fingerprint and says how many.
func (q *querier) histograms(ctx context.Context, params []any, into map[uint64]*series) (n int, err error) {
	rows, err := q.store.Query(ctx, histogramsSQL, params...)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for ; rows.Next(); n++ {
		r, err := scanHistogram(rows)
		if err != nil {
			return 0, fmt.Errorf("scan: %w", err)
		}
		s := into[r.id]
		if s == nil {
			s = &series{}
			into[r.id] = s
		}
		s.addHistogram(r.ms, r.start, &r.histogram)
	}
	return n, rows.Err()
}

// histogramRow is one row of the table histograms.
type histogramRow struct {
	id        uint64
	ms, start int64
	histogram histogram.FloatHistogram
}

func scanHistogram(rows driver.Rows) (*histogramRow, error) {
	var (
		r      histogramRow
		h      = &r.histogram
		reset  uint8
		schema int8
		packed [5][]byte
	)
	if err := rows.Scan(&r.id, &r.ms, &r.start, &reset, &schema, &h.ZeroThreshold, &h.ZeroCount, &h.Count, &h.Sum,
		&packed[0], &packed[1], &packed[2], &packed[3], &packed[4]); err != nil {
		return nil, err
	}
	h.CounterResetHint, h.Schema = hint(reset), int32(schema)
	var err error
	if h.PositiveSpans, err = unpackSpans(packed[0]); err != nil {
		return nil, err
	}
	if h.PositiveBuckets, err = unpack(packed[1], float64Of, 8); err != nil {
		return nil, err
	}
	if h.NegativeSpans, err = unpackSpans(packed[2]); err != nil {
		return nil, err
	}
	if h.NegativeBuckets, err = unpack(packed[3], float64Of, 8); err != nil {
		return nil, err
	}
	h.CustomValues, err = unpack(packed[4], float64Of, 8)
	return &r, err
}

// hint is what is still true of a hint when the histogram is read. That it is no reset
// was said of the histogram that came before it then; whether that is the one before
// it now is for the engine to see.
func hint(stored uint8) histogram.CounterResetHint {
	if h := histogram.CounterResetHint(stored); h != histogram.NotCounterReset {
		return h
	}
	return histogram.UnknownCounterReset
}

func unpackSpans(b []byte) ([]histogram.Span, error) {
	pairs, err := unpack(b, func(b []byte) int32 { return int32(binary.LittleEndian.Uint32(b)) }, 4)
	if err != nil || len(pairs)%2 != 0 {
		return nil, errPacked
	}
	var out []histogram.Span
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, histogram.Span{Offset: pairs[i], Length: uint32(pairs[i+1])})
	}
	return out, nil
}
