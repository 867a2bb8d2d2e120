package promql

import (
	"context"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

//go:embed sql/samples.sql
var samplesSQL string

// values reads the values of a metric's series into them and says how many.
func (q *querier) values(ctx context.Context, params []any, all map[uint64]*series) (n int, err error) {
	rows, err := q.store.Query(ctx, samplesSQL, params...)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var id uint64
		var times, values, starts []byte
		if err := rows.Scan(&id, &times, &values, &starts); err != nil {
			return 0, fmt.Errorf("scan: %w", err)
		}
		s := all[id]
		if s == nil {
			s = &series{} // counts against the limit all the same
		}
		if err := s.unpack(times, values, starts); err != nil {
			return 0, fmt.Errorf("values of series %d: %w", id, err)
		}
		n += len(s.times)
	}
	return n, rows.Err()
}

// unpack takes the values of a series that has none yet. starts may be empty.
func (s *series) unpack(times, values, starts []byte) (err error) {
	if s.times, err = unpack(times, int64Of, 8); err != nil {
		return err
	}
	if s.values, err = unpack(values, float64Of, 8); err != nil {
		return err
	}
	if len(starts) > 0 {
		s.starts, err = unpack(starts, int64Of, 8)
	}
	if err == nil && (len(s.values) != len(s.times) || s.starts != nil && len(s.starts) != len(s.times)) {
		err = errPacked
	}
	return err
}

func int64Of(b []byte) int64 { return int64(binary.LittleEndian.Uint64(b)) }

func float64Of(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) }

var errPacked = errors.New("the store sent a list that is not as long as it says")

// unpack reads the state of groupArray: how many, then the numbers, little-endian and
// each so many bytes.
func unpack[T any](b []byte, of func([]byte) T, size int) ([]T, error) {
	n, head := binary.Uvarint(b)
	if head <= 0 || n > uint64(len(b)) || uint64(len(b)-head) != n*uint64(size) {
		return nil, errPacked
	}
	if n == 0 {
		return nil, nil
	}
	b = b[head:]
	out := make([]T, n)
	for i := range out {
		out[i] = of(b[i*size:])
	}
	return out, nil
}
