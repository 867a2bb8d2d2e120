package exporter

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// What is older than the store keeps, or from a clock that is far ahead, is not
// stored: each day is a partition, and one batch may touch few of them.
const (
	oldest = 7 * 24 * time.Hour
	ahead  = 24 * time.Hour
)

// clock tells which times the store takes.
type clock struct{ now time.Time }

func (c clock) keeps(t time.Time) bool {
	return t.After(c.now.Add(-oldest)) && t.Before(c.now.Add(ahead))
}

// second is the second in which an interval that ended at t was: an interval from
// 11.0 to 12.0 belongs to 11.
func second(end pcommon.Timestamp) time.Time {
	return time.Unix(0, int64(max(end, 1))-1).UTC().Truncate(time.Second)
}
