// Package report turns the rounds of a comparison into Markdown: for each figure the
// median over the rounds, with the range where it says how sure the median is.
package report

import (
	"slices"
	"time"

	"github.com/sightline-mesh/sightline/loadtest/peers/drive"
	"github.com/sightline-mesh/sightline/loadtest/peers/pair"
	"github.com/sightline-mesh/sightline/loadtest/peers/proc"
)

// The targets that the others' latency is compared with: the app itself.
const (
	Direct      = "direct"
	DirectHTTP2 = "direct-grpc"
)

// Cell is a kind of load.
type Cell struct {
	Name string // "open1000"
	Says string // "Open loop, 1,000 requests/s …"
	Rate float64
	// HTTP2 says that only targets that speak it take part, and are compared with
	// DirectHTTP2.
	HTTP2 bool
}

// Comparison is everything that was measured.
type Comparison struct {
	Setup
	Cells   []Cell
	Targets []Target
	Rounds  []Round // of all targets, in the order they ran
}

// Setup is what was measured where.
type Setup struct {
	Machine  proc.Machine
	Began    time.Time
	Load     float64 // load average when it began
	Command  string
	Versions []string // of what took part
}

// Target is one of what is compared.
type Target struct {
	Name string
	// Program is the size of one side's program in bytes, 0 for a direct call.
	Program int64
	HTTP2   bool
}

// direct reports whether there is nothing between caller and app.
func (t Target) direct() bool { return t.Name == Direct || t.Name == DirectHTTP2 }

// direct is whom the cell's others are compared with.
func (c Cell) direct() string {
	if c.HTTP2 {
		return DirectHTTP2
	}
	return Direct
}

// taking are the targets that take part in a cell.
func (c Comparison) taking(cell Cell) []Target {
	return slices.DeleteFunc(slices.Clone(c.Targets), func(t Target) bool { return t.HTTP2 != cell.HTTP2 })
}

// Round is one target's share of one round.
type Round struct {
	Target string
	Cells  map[string]Sample // by name
	// Memory of the pair: once it carries requests, after all load, and with
	// connections held open that do nothing. Nil where it was not measured.
	Idle, Loaded, Held *proc.Memory
	Requests           uint64 // sent, by all that was done in the round
	Account            pair.Account
}

// Sample is one cell of one round.
type Sample struct {
	drive.Result

	Pair, App, Generator time.Duration // processor time used for it
	Other                time.Duration // processor time used by anything else meanwhile
}

// perRequest is a processor time in µs for each answered request.
func (s Sample) perRequest(used time.Duration) float64 {
	return micros(used) / float64(max(s.Answered, 1))
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// gather collects a figure of one target's rounds.
func (c Comparison) gather(target string, figure func(Round) (float64, bool)) Figure {
	var f Figure
	for _, r := range c.Rounds {
		if r.Target != target {
			continue
		}
		if v, ok := figure(r); ok {
			f = append(f, v)
		}
	}
	return f
}

// of collects a figure of one cell.
func (c Comparison) of(target, cell string, figure func(Sample) float64) Figure {
	return c.gather(target, func(r Round) (float64, bool) {
		s, ok := r.Cells[cell]
		if !ok {
			return 0, false
		}
		return figure(s), true
	})
}
