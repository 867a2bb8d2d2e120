package clickhouse

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// slowEngine takes some time for each insert, of which it refuses some for good.
type slowEngine struct {
	driver.Conn

	takes   time.Duration
	refuses []bool // by insert
}

// InsertFormat implements driver.Conn.
func (e *slowEngine) InsertFormat(ctx context.Context, _, _ string, data io.Reader) error {
	if _, err := io.Copy(io.Discard, data); err != nil {
		return err
	}
	select {
	case <-time.After(e.takes):
	case <-ctx.Done():
		return ctx.Err()
	}
	no := e.refuses[0]
	e.refuses = e.refuses[1:]
	if no {
		return &clickhouse.Exception{Code: faultsOfData()[0], Message: "cannot parse"}
	}
	return nil
}

// Each insert has a time of its own, so that a batch of which some is refused comes to an end
// with a slow engine, and one that hangs is given up.
func TestEachInsertHasItsTime(t *testing.T) {
	for name, c := range map[string]struct {
		takes, took time.Duration
		lost        []int
		hangs       bool
	}{
		"a slow engine":  {takes: 20 * time.Second, took: 100 * time.Second, lost: []int{3}},
		"one that hangs": {takes: time.Hour, took: 30 * time.Second, hangs: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				// The last of four rows is refused: all, not the first two, the others, not the third, it.
				engine := &slowEngine{takes: c.takes, refuses: []bool{true, false, true, false, true}}
				s := &Store{cfg: withDefaults(Config{}), conn: engine, plain: true}
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
				defer cancel()
				begun := time.Now()
				err := s.InsertSpans(ctx, "batch", make([]SpanRow, 4))
				if took := time.Since(begun); took != c.took {
					t.Errorf("it took %s, want %s", took, c.took)
				}
				if c.hangs {
					if !errors.Is(err, context.DeadlineExceeded) || Permanent(err) {
						t.Errorf("it is told %v", err)
					}
					return
				}
				if refused, ok := errors.AsType[*RefusedError](err); !ok || !slices.Equal(refused.Lost, c.lost) {
					t.Errorf("it is told %+v, want %v", err, c.lost)
				}
			})
		})
	}
}
