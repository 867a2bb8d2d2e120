package clickhouse

import (
	"context"
	"time"
)

const (
	secondsPerDay = 24 * 60 * 60
	knownSeries   = 200_000 // of which it is remembered that their labels are written down
)

type seriesDay struct {
	fingerprint uint64
	day         int64
}

// newDays gathers the series of a batch that have not been written down for their day.
type newDays struct {
	store *Store
	met   map[seriesDay]bool
	fresh []seriesRow
}

func (s *Store) newDays(atMost int) *newDays {
	return &newDays{store: s, met: make(map[seriesDay]bool, min(atMost, knownSeries))}
}

// meet takes note of a series that a sample belongs to.
func (n *newDays) meet(fingerprint uint64, v *Sample) {
	day := seriesDay{fingerprint, v.Time.Unix() / secondsPerDay}
	if n.met[day] || n.store.known.has(day) {
		return
	}
	n.met[day] = true
	n.fresh = append(n.fresh, seriesRow{v.Metric, fingerprint, dayOf(v.Time), v.Labels})
}

// insert writes them down.
func (n *newDays) insert(ctx context.Context, token string) error {
	if err := insert(ctx, n.store, seriesTable(), token, n.fresh); err != nil {
		return err
	}
	n.store.known.add(n.met)
	return nil
}

func dayOf(t time.Time) time.Time { return t.UTC().Truncate(secondsPerDay * time.Second) }
