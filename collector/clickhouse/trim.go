package clickhouse

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

var (
	//go:embed sql/query/partitions.sql
	partitionsByDay string
	//go:embed sql/query/size.sql
	sizeOfStore string
)

// bulk is what is given up for want of room: tables that are of no use without each other
// together. What is made of them by the minute, the hour and the name is small, and stays
// for its own time.
func bulk() [][]string {
	return [][]string{tablesOfSpans(), {"logs"}, {"red"}, {"samples", "histograms", "exemplars"}}
}

// tablesOfSpans are what questions about spans and traces read.
func tablesOfSpans() []string { return []string{"spans", "trace_index"} }

// errTrimCluster is a limit for a store whose size nobody knows at one place.
var errTrimCluster = errors.New("a limit is for a store on one server; on a cluster set ClickHouse's storage policies")

// Trimmed is a day that was given up.
type Trimmed struct {
	Tables []string
	Day    time.Time
	Bytes  uint64
}

// partition is what a table holds of a day.
type partition struct {
	table, id string
	day       time.Time
	bytes     uint64
}

// Size is how many bytes all tables have on disk. On a cluster it is this server's part.
func (s *Store) Size(ctx context.Context) (uint64, error) {
	var n uint64
	if err := s.conn.QueryRow(ctx, sizeOfStore).Scan(&n); err != nil {
		return 0, fmt.Errorf("ask for the store's size: %w", err)
	}
	return n, nil
}

// Trim gives up whole days until the store has no more than a number of bytes: each time
// the oldest day of what takes most of the room. The day of now stays, so the store may be
// larger still. It returns what was given up, with an error too.
func (s *Store) Trim(ctx context.Context, most uint64, now time.Time) ([]Trimmed, error) {
	if s.cluster != (cluster{}) {
		return nil, fmt.Errorf("trim the store: %w", errTrimCluster)
	}
	size, err := s.Size(ctx)
	if err != nil || size <= most {
		return nil, err
	}
	all, err := collect(ctx, s, partitionsByDay, scanPartition, nil)
	if err != nil {
		return nil, fmt.Errorf("list the store's days: %w", err)
	}
	today := now.UTC().Truncate(24 * time.Hour)
	var gone []Trimmed
	for size > most {
		var day []partition
		day, all = oldestOfLargest(all, today)
		if len(day) == 0 {
			break
		}
		t := Trimmed{Day: day[0].day}
		for _, p := range day {
			if err := s.conn.Exec(ctx, "ALTER TABLE "+p.table+" DROP PARTITION ID '"+p.id+"'"); err != nil {
				return gone, fmt.Errorf("give up %s of %s: %w", p.day.Format(time.DateOnly), p.table, err)
			}
			t.Tables = append(t.Tables, p.table)
			t.Bytes += p.bytes
		}
		size -= min(size, t.Bytes)
		gone = append(gone, t)
	}
	return gone, nil
}

func scanPartition(rows driver.Rows) (p partition, err error) {
	err = rows.Scan(&p.table, &p.id, &p.day, &p.bytes)
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
