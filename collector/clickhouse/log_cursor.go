package clickhouse

import (
	"encoding/base64"
	"fmt"
	"math"
	"time"

	"github.com/sightline-mesh/sightline/collector/signal"
)

// tiedLog is a row with what tells it from others of its nanosecond.
type tiedLog struct {
	signal.Log

	tie uint64
}

// logCursor is where a page ended: the next holds rows of an earlier time, or of the
// same time and a lesser tie, or of both the same but for as many as were shown.
type logCursor struct {
	before int64 // ns
	tie    uint64
	shown  uint32
}

// String is opaque to callers, who hand it back as it is.
func (c logCursor) String() string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d %d %d", c.before, c.tie, c.shown))
}

// parseLogCursor reads a cursor; none is before all rows.
func parseLogCursor(s string) (logCursor, error) {
	if s == "" {
		return logCursor{before: math.MaxInt64, tie: math.MaxUint64}, nil
	}
	var c logCursor
	text, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		_, err = fmt.Sscanf(string(text), "%d %d %d", &c.before, &c.tie, &c.shown)
	}
	if err != nil || c.before < 0 || c.String() != s {
		return logCursor{}, fmt.Errorf("%w: cursor %q is not one that a page gave", ErrBadQuery, s)
	}
	return c, nil
}

// params leave out what was shown; rows of a window that ends before the cursor were not.
func (c logCursor) params(w signal.Window) []any {
	shown := c.shown
	if w.End.UnixNano() <= c.before {
		shown = 0
	}
	return []any{Param("before", nanos(time.Unix(0, c.before))), Param("before_tie", c.tie), Param("shown", shown)}
}

func logPage(found []tiedLog, want int, from logCursor, partial string) signal.LogPage {
	p := signal.LogPage{Partial: partial}
	if len(found) > want || partial != "" {
		found = found[:min(len(found), want)]
		p.Next = from.after(found).String()
	}
	for _, l := range found {
		p.Logs = append(p.Logs, l.Log)
	}
	return p
}

// after is the cursor behind a page that began at c.
func (c logCursor) after(page []tiedLog) logCursor {
	end := page[len(page)-1]
	next := logCursor{before: end.Time.UnixNano(), tie: end.tie}
	if next.before == c.before && next.tie == c.tie {
		next.shown = c.shown
	}
	for i := len(page) - 1; i >= 0 && page[i].tie == end.tie && page[i].Time.Equal(end.Time); i-- {
		next.shown++
	}
	return next
}
