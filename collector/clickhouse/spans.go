package clickhouse

import (
	"context"
	"strings"
	"sync"
	"time"
)

// spansPlace stands in statements for where spans are read from.
const spansPlace = "{{spans}}"

const (
	spansByTime = "spans_by_time"
	// bothSpans has the engine plan each table for itself, so that all their indexes are used.
	bothSpans = "(SELECT * FROM spans_by_time UNION ALL SELECT * FROM spans)"
	// allSpans does that but for indexes of which one of several would do; it has the
	// servers of a cluster leave out rows before they send any.
	allSpans = "all_spans"
)

// Whether there are spans that an earlier version stored. One server knows it without its
// disks, of which that for old days may be away.
const (
	anyByServiceHere  = "SELECT 1 FROM system.parts WHERE database = currentDatabase() AND table = 'spans' AND active AND rows > 0 LIMIT 1"
	anyByServiceOfAll = "SELECT 1 FROM spans LIMIT 1"
)

// byServiceFor is how long an answer to whether there are spans of an earlier version
// holds: on a cluster there may still be a collector of that version.
const byServiceFor = time.Minute

// byServiceTime bounds the question, for whose answer every search waits.
const byServiceTime = 2 * time.Second

// byService knows whether there are spans that an earlier version stored.
type byService struct {
	mu    sync.Mutex
	any   bool
	asked time.Time
}

// withSpans puts into a statement where spans are read from.
func (s *Store) withSpans(ctx context.Context, statement string) string {
	if !strings.Contains(statement, spansPlace) {
		return statement
	}
	from := spansByTime
	switch earlier := s.anyByService(ctx); {
	case earlier && s.cluster == (cluster{}):
		from = bothSpans
	case earlier:
		from = allSpans
	}
	return strings.ReplaceAll(statement, spansPlace, from)
}

// anyByService asks whether there are spans of an earlier version, also for others when who
// asks has gone. It takes what it cannot learn for yes, and does not ask again at once.
func (s *Store) anyByService(ctx context.Context) bool {
	b := &s.byService
	b.mu.Lock()
	defer b.mu.Unlock()
	if time.Since(b.asked) < byServiceFor {
		return b.any
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), byServiceTime)
	defer cancel()
	found, err := s.askByService(ctx)
	b.any, b.asked = found || err != nil, time.Now()
	return b.any
}

func (s *Store) askByService(ctx context.Context) (bool, error) {
	statement := anyByServiceHere
	if s.cluster != (cluster{}) {
		statement = anyByServiceOfAll
	}
	rows, err := s.conn.Query(ctx, statement)
	if err != nil {
		return false, err
	}
	defer rows.Close()
	return rows.Next(), rows.Err()
}
