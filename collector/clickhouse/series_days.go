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

func dayOfSeries(fingerprint uint64, t time.Time) seriesDay {
	return seriesDay{fingerprint, t.Unix() / secondsPerDay}
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
	day := dayOfSeries(fingerprint, v.Time)
	if n.met[day] || n.store.known.has(day) {
		return
	}
	n.met[day] = true
	n.fresh = append(n.fresh, seriesRow{v.Metric, fingerprint, dayOf(v.Time), v.Labels})
}

// without is where those of n samples stand whose series is one of some rows that were not
// written down: without its labels nobody finds them. Of tells a sample's series and day.
func (n *newDays) without(rows []int, samples int, of func(i int) seriesDay) (places []int) {
	refused := map[seriesDay]bool{}
	for _, row := range rows {
		refused[dayOfSeries(n.fresh[row].fingerprint, n.fresh[row].day)] = true
	}
	for i := range samples {
		if refused[of(i)] {
			places = append(places, i)
		}
	}
	return places
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
