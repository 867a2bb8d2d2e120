package clickhouse

import (
	"context"
	_ "embed"
	"strings"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
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

var (
	//go:embed sql/query/span_days.sql
	spanDays string
	//go:embed sql/query/any_by_service.sql
	anyByServiceOfAll string // on a cluster, of whose servers one knows its own parts alone
)

// spreadFor is how long it holds what is known of where spans lie: they come and go, and on a
// cluster there may still be a collector of an earlier version.
const spreadFor = time.Minute

// spreadTime bounds the question, for whose answer every search waits.
const spreadTime = 2 * time.Second

// spread is what is known of where spans lie.
type spread struct {
	earlier bool              // there are some that an earlier version stored
	days    map[string]uint64 // how many of each day there are; nil is not known
	rate    float64           // how many came in a second of late
	asked   time.Time
}

// lastSpread is the last that was learned.
type lastSpread struct {
	mu sync.Mutex
	spread
}

// withSpans puts into a statement where spans are read from.
func (s *Store) withSpans(ctx context.Context, statement string) string {
	if !strings.Contains(statement, spansPlace) {
		return statement
	}
	from := spansByTime
	switch earlier := s.spread(ctx).earlier; {
	case earlier && s.cluster == (cluster{}):
		from = bothSpans
	case earlier:
		from = allSpans
	}
	return strings.ReplaceAll(statement, spansPlace, from)
}

// spread asks where spans lie, also for others when who asks has gone. That there are some of
// an earlier version it takes for true where it cannot learn it, and does not ask again at once.
func (s *Store) spread(ctx context.Context) spread {
	last := &s.spreads
	last.mu.Lock()
	defer last.mu.Unlock()
	if time.Since(last.asked) < spreadFor {
		return last.spread
	}
	ctx = context.WithValue(context.WithoutCancel(ctx), planning{}, nil) // nor is it part of anybody's plan
	ctx, cancel := context.WithTimeout(ctx, spreadTime)
	defer cancel()
	found, err := s.askSpread(ctx)
	if err != nil {
		found = spread{earlier: true}
	}
	found.asked = time.Now()
	found.rate = last.rateUntil(found)
	last.spread = found
	return found
}

func (s *Store) askSpread(ctx context.Context) (found spread, err error) {
	if s.cluster != (cluster{}) {
		some, err := collect(ctx, s, anyByServiceOfAll, one[uint8], nil)
		return spread{earlier: len(some) > 0}, err
	}
	type part struct {
		table, day string
		spans      uint64
	}
	parts, err := collect(ctx, s, spanDays, func(rows driver.Rows) (p part, err error) {
		return p, rows.Scan(&p.table, &p.day, &p.spans)
	}, nil)
	found.days = map[string]uint64{}
	for _, p := range parts {
		found.days[p.day] += p.spans
		found.earlier = found.earlier || p.table != spansByTime
	}
	return found, err
}

// rateUntil is how many spans a second came between two answers.
func (p *spread) rateUntil(now spread) float64 {
	if p.days == nil || now.days == nil {
		return 0
	}
	more := float64(now.total()) - float64(p.total())
	return max(more, 0) / now.asked.Sub(p.asked).Seconds()
}

func (p *spread) total() (all uint64) {
	for _, spans := range p.days {
		all += spans
	}
	return all
}

// back is how long before end so many spans began, about; 0 is not known. A day is taken for
// evenly filled, but for the present one, of which the last minutes count where they had more.
func (p *spread) back(end time.Time, spans float64) time.Duration {
	if p.days == nil {
		return 0
	}
	at := end
	if at.After(p.asked) {
		at = p.asked
	}
	for range retention / (24 * time.Hour) {
		day := at.Add(-1).UTC().Truncate(24 * time.Hour)
		until, rate := day.Add(24*time.Hour), 0.0
		if until.After(p.asked) {
			until, rate = p.asked, p.rate
		}
		rate = max(rate, float64(p.days[day.Format(time.DateOnly)])/until.Sub(day).Seconds())
		there := rate * at.Sub(day).Seconds()
		if there >= spans {
			return end.Sub(at) + time.Duration(spans/rate*float64(time.Second))
		}
		spans -= there
		at = day
	}
	return end.Sub(at)
}
