package signal

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// StoreState is how the store stood when it was last measured.
type StoreState struct {
	Bytes   uint64        `json:"bytes"`   // of all tables on disk; 0 before it was measured
	Damaged []DamagedPart `json:"damaged"` // set aside; what they hold is in no answer
	Cold    *ColdState    `json:"cold,omitempty"`
}

// ColdState is how the disk stood that old days go to, where there is one.
type ColdState struct {
	Bytes   uint64 `json:"bytes"`             // of StoreState's that lie there
	Trouble string `json:"trouble,omitempty"` // what keeps old days from it, or from answering
}

// DamagedPart is a part of a table whose files are not what was written.
type DamagedPart struct {
	Table string    `json:"table"`
	Part  string    `json:"part"` // its directory in the table's "detached"
	Day   time.Time `json:"day"`  // of what it holds; zero where its name does not say
	Bytes uint64    `json:"bytes"`
	Since time.Time `json:"since"`
}

// SpanTables are what questions about spans and traces read.
func SpanTables() []string { return []string{"spans_by_time", "spans", "trace_index"} }

// Lacking says which damaged parts of some tables hold something of a window, so that an
// answer from those is not all there was. It is empty where none does.
func Lacking(parts []DamagedPart, w Window, tables ...string) string {
	var days []string
	var n int
	for _, p := range parts {
		if !slices.Contains(tables, strings.TrimSuffix(p.Table, "_local")) || !p.of(w) { // as a cluster's are called
			continue
		}
		n++
		if day := p.Day.Format(time.DateOnly); !p.Day.IsZero() && !slices.Contains(days, day) {
			days = append(days, day)
		}
	}
	if n == 0 {
		return ""
	}
	slices.Sort(days)
	of := ""
	if len(days) > 0 {
		of = " of " + strings.Join(days, " and ")
	}
	if n == 1 {
		return "one damaged part" + of + " was set aside"
	}
	return fmt.Sprintf("%d damaged parts%s were set aside", n, of)
}

// of reports whether the part may hold something of a window.
func (p DamagedPart) of(w Window) bool {
	return p.Day.IsZero() || (p.Day.Before(w.End) && p.Day.AddDate(0, 0, 1).After(w.Start))
}
