package clickhouse

import (
	"time"

	"github.com/sightline-mesh/sightline/collector/signal"
)

// From where on the minutes, and the hours, of a window are read as such. A few minutes are
// read faster from one table by the second than from two.
const (
	longWindow     = 10 * time.Minute
	veryLongWindow = 3 * time.Hour
)

// stretch is from one Unix second until before another; empty where those are the same.
type stretch struct{ from, to int64 }

func (s stretch) empty() bool { return s.from >= s.to }

// before and since are its parts on either side of a second.
func (s stretch) before(t int64) stretch { return stretch{s.from, min(s.to, t)} }
func (s stretch) since(t int64) stretch  { return stretch{max(s.from, t), s.to} }

// edgeReading is what of a window is read from one table.
type edgeReading struct {
	table       string
	first, then stretch
}

func (r edgeReading) params() []any {
	return []any{
		Param("table", r.table),
		Param("from", r.first.from), Param("to", r.first.to),
		Param("then_from", r.then.from), Param("then_to", r.then.to),
	}
}

// edgeReadings cuts a window into what each table is read for, so that every row counts
// once: the seconds at its ends, and in between whole minutes and whole hours. Seconds and
// minutes are in tables of edges since the start of some minute, and in those of RED before.
func edgeReadings(w signal.Window, since int64) []edgeReading {
	c := cutWindow(w)
	before, after := stretch{w.Start.Unix(), c.firstMinute}, stretch{c.lastMinute, w.End.Unix()}
	minutesBefore, minutesAfter := stretch{c.firstMinute, c.firstHour}, stretch{c.lastHour, c.lastMinute}
	all := []edgeReading{
		{"red", before.before(since), after.before(since)},
		{"edges", before.since(since), after.since(since)},
		{"red_1m", minutesBefore.before(since), minutesAfter.before(since)},
		{"edges_1m", minutesBefore.since(since), minutesAfter.since(since)},
		{"red_1h", stretch{c.firstHour, c.lastHour}, stretch{}},
	}
	read := all[:0]
	for _, r := range all {
		if !r.first.empty() || !r.then.empty() {
			read = append(read, r)
		}
	}
	return read
}

// cut says, in Unix seconds, which part of a window is made of whole minutes, and which
// part of that of whole hours. A part that is not worth it is empty, at the end of what is
// around it.
type cut struct{ firstMinute, lastMinute, firstHour, lastHour int64 }

func cutWindow(w signal.Window) cut {
	start, end, length := w.Start.Unix(), w.End.Unix(), w.End.Sub(w.Start)
	if length < longWindow {
		return cut{end, end, end, end}
	}
	c := cut{firstMinute: roundUp(start, secondsPerMinute), lastMinute: roundDown(end, secondsPerMinute)}
	c.firstHour, c.lastHour = c.lastMinute, c.lastMinute
	if length >= veryLongWindow {
		c.firstHour, c.lastHour = roundUp(start, secondsPerHour), roundDown(end, secondsPerHour)
	}
	return c
}

const (
	secondsPerMinute = 60
	secondsPerHour   = 3600
)

func roundDown(t, to int64) int64 { return t / to * to }
func roundUp(t, to int64) int64   { return roundDown(t+to-1, to) }
