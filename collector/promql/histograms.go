package promql

import (
	"context"
	_ "embed"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
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
	for rows.Next() {
		var p packedHistograms
		if err := p.scan(rows); err != nil {
			return 0, fmt.Errorf("scan: %w", err)
		}
		s, err := p.unpack()
		if err != nil {
			return 0, fmt.Errorf("histograms of series %d: %w", p.id, err)
		}
		into[p.id] = s
		n += len(s.times)
	}
	return n, rows.Err()
}

// packedHistograms are all histograms of a series, a list for each field.
type packedHistograms struct {
	id                                                    uint64
	times, starts, resets, schemas                        []byte
	zeroThresholds, zeroCounts, counts, sums              []byte
	positiveSpans, positive, negativeSpans, negative, own packedLists
}

// packedLists are lists one behind the other, and how long each is.
type packedLists struct{ long, all []byte }

func (p *packedHistograms) scan(rows driver.Rows) error {
	return rows.Scan(&p.id, &p.times, &p.starts, &p.resets, &p.schemas, &p.zeroThresholds, &p.zeroCounts, &p.counts, &p.sums,
		&p.positiveSpans.long, &p.positiveSpans.all, &p.positive.long, &p.positive.all,
		&p.negativeSpans.long, &p.negativeSpans.all, &p.negative.long, &p.negative.all, &p.own.long, &p.own.all)
}

// unpack makes a series of them.
func (p *packedHistograms) unpack() (*series, error) {
	var u unpacking
	s := &series{times: column(&u, p.times, int64Of, 8)}
	u.want = len(s.times)
	s.starts = column(&u, p.starts, int64Of, 8)
	all := make([]histogram.FloatHistogram, len(s.times))
	each(&u, all, column(&u, p.resets, uint8Of, 1), func(h *histogram.FloatHistogram, v uint8) { h.CounterResetHint = hint(v) })
	each(&u, all, column(&u, p.schemas, uint8Of, 1), func(h *histogram.FloatHistogram, v uint8) { h.Schema = int32(int8(v)) })
	each(&u, all, column(&u, p.zeroThresholds, float64Of, 8), func(h *histogram.FloatHistogram, v float64) { h.ZeroThreshold = v })
	each(&u, all, column(&u, p.zeroCounts, float64Of, 8), func(h *histogram.FloatHistogram, v float64) { h.ZeroCount = v })
	each(&u, all, column(&u, p.counts, float64Of, 8), func(h *histogram.FloatHistogram, v float64) { h.Count = v })
	each(&u, all, column(&u, p.sums, float64Of, 8), func(h *histogram.FloatHistogram, v float64) { h.Sum = v })
	each(&u, all, spans(&u, &p.positiveSpans), func(h *histogram.FloatHistogram, v []histogram.Span) { h.PositiveSpans = v })
	each(&u, all, columnOfLists(&u, &p.positive, float64Of, 8), func(h *histogram.FloatHistogram, v []float64) { h.PositiveBuckets = v })
	each(&u, all, spans(&u, &p.negativeSpans), func(h *histogram.FloatHistogram, v []histogram.Span) { h.NegativeSpans = v })
	each(&u, all, columnOfLists(&u, &p.negative, float64Of, 8), func(h *histogram.FloatHistogram, v []float64) { h.NegativeBuckets = v })
	each(&u, all, columnOfLists(&u, &p.own, float64Of, 8), func(h *histogram.FloatHistogram, v []float64) { h.CustomValues = v })
	s.values = make([]float64, len(s.times))
	s.histograms = make([]*histogram.FloatHistogram, len(s.times))
	for i := range all {
		s.histograms[i] = &all[i]
	}
	return s, u.err
}

// unpacking remembers the first error, and how long every list must be.
type unpacking struct {
	want int
	err  error
}

func (u *unpacking) check(err error) {
	if u.err == nil {
		u.err = err
	}
}

func column[T any](u *unpacking, b []byte, of func([]byte) T, size int) []T {
	out, err := unpack(b, of, size)
	u.check(err)
	return out
}

// columnOfLists unpacks lists of elements of so many bytes. An empty one is nil.
func columnOfLists[T any](u *unpacking, p *packedLists, of func([]byte) T, size int) [][]T {
	lengths := column(u, p.long, binary.LittleEndian.Uint32, 4)
	all := column(u, p.all, of, size)
	out := make([][]T, len(lengths))
	for i, n := range lengths {
		if int(n) > len(all) {
			u.check(errPacked)
			return nil
		}
		if n > 0 {
			out[i], all = all[:n:n], all[n:]
		}
	}
	return out
}

// spans unpacks lists of pairs of an offset and a length.
func spans(u *unpacking, p *packedLists) [][]histogram.Span {
	pairs := columnOfLists(u, p, func(b []byte) int32 { return int32(binary.LittleEndian.Uint32(b)) }, 4)
	all := make([]histogram.Span, 0, len(p.all)/8)
	out := make([][]histogram.Span, len(pairs))
	for i, flat := range pairs {
		if len(flat)%2 != 0 {
			u.check(errPacked)
			return nil
		}
		if len(flat) == 0 {
			continue
		}
		first := len(all)
		for ; len(flat) > 0; flat = flat[2:] {
			all = append(all, histogram.Span{Offset: flat[0], Length: uint32(flat[1])})
		}
		out[i] = all[first:len(all):len(all)]
	}
	return out
}

// each gives every histogram what is its in a list, which is as long.
func each[T any](u *unpacking, all []histogram.FloatHistogram, values []T, set func(*histogram.FloatHistogram, T)) {
	if len(values) != len(all) {
		u.check(errPacked)
		return
	}
	for i, v := range values {
		set(&all[i], v)
	}
}

func uint8Of(b []byte) uint8 { return b[0] }

// hint is what is still true of a hint when the histogram is read. That it is no reset
// was said of the histogram that came before it then; whether that is the one before
// it now is found out when all are there.
func hint(stored uint8) histogram.CounterResetHint {
	if h := histogram.CounterResetHint(stored); h != histogram.NotCounterReset {
		return h
	}
	return histogram.UnknownCounterReset
}

// before is by how much histograms are read before the range, in ms, so that it is known of
// the first one in it, too, whether something was reset: one that came within the time in
// which a value counts as present. Not for functions that look at nothing but whether
// something was reset after it.
func (q *querier) before(h *storage.SelectHints) int64 {
	switch h.Func {
	case "rate", "increase", "irate", "delta", "idelta", "resets", "changes", "count_over_time", "present_over_time":
		return 0
	}
	return q.lookback.Milliseconds()
}

// compare says of histograms that nothing was reset since the one before, where that is so:
// the engine would find it out anew for each window that both are in.
func (s *series) compare() {
	var before *histogram.FloatHistogram
	for _, h := range s.histograms {
		if h == nil || math.Float64bits(h.Sum) == value.StaleNaN {
			before = nil
			continue
		}
		if before != nil && h.CounterResetHint == histogram.UnknownCounterReset && !h.DetectReset(before) {
			h.CounterResetHint = histogram.NotCounterReset
		}
		before = h
	}
}
