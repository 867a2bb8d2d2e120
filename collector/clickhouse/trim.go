package clickhouse

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sightline-mesh/sightline/collector/signal"
)

var (
	//go:embed sql/query/partitions.sql
	partitionsByDay string
	//go:embed sql/query/size.sql
	sizeOfStore string
	//go:embed sql/query/cold_state.sql
	coldState string
)

// bulk is what is given up for want of room: tables that are of no use without each other
// together. What is made of them by the minute, the hour and the name is small, and stays
// for its own time.
func bulk() [][]string {
	return [][]string{signal.SpanTables(), {"logs"}, {"red", "edges"}, {"samples", "histograms", "exemplars"}}
}

// errTrimCluster is a limit for a store whose size nobody knows at one place.
var errTrimCluster = errors.New("a limit is for a store on one server; on a cluster name a storage policy of its servers")

// errDaysLieElsewhere is for a store that is about to get older days back than it could give
// up, or whose older days are kept where nobody sends any.
var errDaysLieElsewhere = errors.New("older days lie on the disk for old ones, where none go any more: newer ones are not given up before them")

// Trimmed is a day that was given up, or that went to the disk for old days before its time.
type Trimmed struct {
	Tables []string
	Day    time.Time
	Bytes  uint64 // that it took where there was no room
	Moved  bool
}

// Bytes are so many on the disk that rows are written to, and on that for old days.
type Bytes struct{ Hot, Cold uint64 }

// partition is what a table holds of a day on one of the disks.
type partition struct {
	table, id string
	day       time.Time
	cold      bool
	bytes     uint64
}

// Size is how many bytes all tables have. On a cluster it is this server's part.
func (s *Store) Size(ctx context.Context) (n Bytes, err error) {
	var all uint64
	if err := s.conn.QueryRow(ctx, sizeOfStore).Scan(&all, &n.Cold); err != nil {
		return Bytes{}, fmt.Errorf("ask for the store's size: %w", err)
	}
	n.Hot = all - n.Cold
	return n, nil
}

// ColdState is what a disk for old days last failed with, within minutes, and how many bytes
// should have gone there an hour ago and are still where they were written; none while one is
// on its way.
func (s *Store) ColdState(ctx context.Context) (failure string, late uint64, err error) {
	if s.cfg.Tiers == (Tiers{}) {
		return "", 0, nil
	}
	if err := s.conn.QueryRow(ctx, coldState).Scan(&failure, &late); err != nil {
		return "", 0, fmt.Errorf("ask how the disk for old days is: %w", err)
	}
	return failure, late, nil
}

// Trim makes room on whichever disk has more than so many bytes, 0 being no limit: each time
// the oldest day of what takes most of the room goes. From the disk that rows are written to
// it goes to the one for old days if there is one, and else it is given up, as it is from the
// latter. The day of now stays, so the store may be larger still. It returns what went, with
// an error too.
func (s *Store) Trim(ctx context.Context, most Bytes, now time.Time) ([]Trimmed, error) {
	if s.cluster != (cluster{}) {
		return nil, fmt.Errorf("trim the store: %w", errTrimCluster)
	}
	size, err := s.Size(ctx)
	if err != nil {
		return nil, err
	}
	var all []Trimmed
	var bad []error
	for _, full := range []fullDisk{
		{true, false, size.Cold, most.Cold}, // first: the other may send days there
		{false, s.cfg.Tiers != (Tiers{}), size.Hot, most.Hot},
	} {
		if full.most == 0 || full.is <= full.most {
			continue
		}
		gone, err := s.trimDisk(ctx, full, now)
		all, bad = append(all, gone...), append(bad, err)
	}
	return all, errors.Join(bad...)
}

// fullDisk has more bytes than it may have.
type fullDisk struct {
	cold     bool
	moves    bool // days to the disk for old ones, and gives none up
	is, most uint64
}

// trimDisk makes room on a disk, if there are days that may go.
func (s *Store) trimDisk(ctx context.Context, full fullDisk, now time.Time) (gone []Trimmed, err error) {
	all, err := collect(ctx, s, partitionsByDay, scanPartition, nil)
	if err != nil {
		return nil, fmt.Errorf("list the store's days: %w", err)
	}
	here, err := full.mayGo(all)
	if err != nil {
		return nil, fmt.Errorf("make room: %w", err)
	}
	today := now.UTC().Truncate(24 * time.Hour)
	var bad []error
	for full.is > full.most {
		var day []partition
		day, here = oldestOfLargest(here, today)
		if len(day) == 0 {
			break
		}
		t := Trimmed{Day: day[0].day, Moved: full.moves}
		if !full.moves {
			day = whole(all, day)
		}
		if err := s.free(ctx, day, &t); err != nil {
			bad = append(bad, err) // and the next day, which may go
			if !full.moves || len(bad) > 3 {
				break // no newer day is given up for it; and all the others, most likely
			}
			continue
		}
		t.Bytes = full.has(day)
		full.is -= min(full.is, t.Bytes)
		gone = append(gone, t)
	}
	return gone, errors.Join(bad...)
}

// mayGo are the partitions on the disk that may be given up, or moved to the disk for old days.
func (d fullDisk) mayGo(all []partition) ([]partition, error) {
	if !d.cold && !d.moves && slices.ContainsFunc(all, func(p partition) bool { return p.cold && isBulk(p.table) }) {
		return nil, errDaysLieElsewhere
	}
	sends, err := tieredTables()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(all), func(p partition) bool {
		return p.cold != d.cold || d.moves && !slices.ContainsFunc(sends, func(t tiered) bool { return t.table == p.table })
	}), nil
}

// has is what a day takes on the disk.
func (d fullDisk) has(day []partition) (n uint64) {
	for _, p := range day {
		if p.cold == d.cold {
			n += p.bytes
		}
	}
	return n
}

// free moves a day to the disk for old ones, or gives it up, and says of which tables.
func (s *Store) free(ctx context.Context, day []partition, t *Trimmed) error {
	how := "DROP PARTITION ID '%s'"
	if t.Moved {
		how = "MOVE PARTITION ID '%s' TO VOLUME '" + coldVolume + "'"
	}
	for _, p := range day {
		if err := s.conn.Exec(ctx, "ALTER TABLE "+p.table+" "+fmt.Sprintf(how, p.id)); err != nil {
			return fmt.Errorf("make room: %s of %s: %w", p.day.Format(time.DateOnly), p.table, err)
		}
		if !slices.Contains(t.Tables, p.table) {
			t.Tables = append(t.Tables, p.table)
		}
	}
	return nil
}

// whole is a day on all disks, of all tables that are of no use without those that it is of.
func whole(all, day []partition) []partition {
	var out []partition
	for _, tables := range bulk() {
		if !slices.Contains(tables, day[0].table) {
			continue
		}
		for _, p := range all {
			if p.day.Equal(day[0].day) && slices.Contains(tables, p.table) {
				out = append(out, p)
			}
		}
	}
	return out
}

// isBulk reports whether a table is of bulk.
func isBulk(table string) bool {
	return slices.ContainsFunc(bulk(), func(tables []string) bool { return slices.Contains(tables, table) })
}

func scanPartition(rows driver.Rows) (p partition, err error) {
	var cold uint8
	err = rows.Scan(&p.table, &p.id, &p.day, &cold, &p.bytes)
	p.cold = cold == 1
	return p, err
}

// oldestOfLargest are the partitions of one day, before today, of those tables of bulk that
// have the most bytes and such a day; and what is left of all. None is the end.
func oldestOfLargest(all []partition, today time.Time) (day, left []partition) {
	var most uint64
	for _, tables := range bulk() {
		var bytes uint64
		var oldest []partition
		for _, p := range all { // in the order of their days
			if !slices.Contains(tables, p.table) {
				continue
			}
			bytes += p.bytes
			if p.day.Before(today) && (len(oldest) == 0 || p.day.Equal(oldest[0].day)) {
				oldest = append(oldest, p)
			}
		}
		if len(oldest) > 0 && bytes > most {
			most, day = bytes, oldest
		}
	}
	left = slices.DeleteFunc(slices.Clone(all), func(p partition) bool { return slices.Contains(day, p) })
	return day, left
}
