package report

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/loadtest/peers/drive"
	"github.com/sightline-mesh/sightline/loadtest/peers/proc"
)

// Markdown is the whole report.
func (c Comparison) Markdown() string {
	var b strings.Builder
	c.writeSetup(&b)
	for _, cell := range c.Cells {
		if cell.Rate > 0 {
			c.writeOpen(&b, cell)
		} else {
			c.writeClosed(&b, cell)
		}
	}
	c.writeMemory(&b)
	c.writeAccounts(&b)
	return b.String()
}

func (c Comparison) writeSetup(b *strings.Builder) {
	rounds := 0
	for _, t := range c.Targets {
		rounds = max(rounds, len(c.gather(t.Name, func(Round) (float64, bool) { return 0, true })))
	}
	fmt.Fprintf(b, "%s · %d × %s · %s GiB · Linux %s · %s\n\n", c.Began.UTC().Format(time.DateOnly), c.Machine.Cores,
		c.Machine.CPU, number(float64(c.Machine.Memory)/(1<<30)), c.Machine.Kernel, strings.Join(c.Versions, " · "))
	fmt.Fprintf(b, "`%s` · rounds: %d, targets in turn · load average %.2f before\n", c.Command, rounds, c.Load)
}

// table writes a heading and a table. The first column is text, the others numbers.
func table(b *strings.Builder, heading string, columns []string, rows [][]string) {
	fmt.Fprintf(b, "\n### %s\n\n| %s |\n|---|%s\n", heading, strings.Join(columns, " | "), strings.Repeat("---:|", len(columns)-1))
	for _, r := range rows {
		fmt.Fprintf(b, "| %s |\n", strings.Join(r, " | "))
	}
}

var quantiles = []struct {
	name string
	of   func(drive.Latency) time.Duration
}{
	{"p50", func(l drive.Latency) time.Duration { return l.P50 }},
	{"p90", func(l drive.Latency) time.Duration { return l.P90 }},
	{"p99", func(l drive.Latency) time.Duration { return l.P99 }},
	{"p99.9", func(l drive.Latency) time.Duration { return l.P999 }},
}

// latency is one quantile of one cell, in µs.
func (c Comparison) latency(target, cell string, of func(drive.Latency) time.Duration) Figure {
	return c.of(target, cell, func(s Sample) float64 { return micros(of(s.Latency)) })
}

func (c Comparison) writeOpen(b *strings.Builder, cell Cell) {
	columns := []string{"latency in µs"}
	for _, q := range quantiles {
		columns = append(columns, q.name)
	}
	for _, q := range quantiles {
		columns = append(columns, "added "+q.name)
	}
	columns = append(columns, "pair's CPU, µs/request", "errors")
	var rows [][]string
	for _, t := range c.taking(cell) {
		row := []string{t.Name}
		for _, q := range quantiles {
			row = append(row, c.latency(t.Name, cell.Name, q.of).median())
		}
		for _, q := range quantiles {
			row = append(row, c.added(t, cell, q.of))
		}
		rows = append(rows, append(row, c.pairCPU(t, cell.Name), c.errors(t.Name, cell.Name)))
	}
	table(b, cell.Says, columns, rows)
	c.writeRest(b, cell)
}

// added is the median less that of the direct call.
func (c Comparison) added(t Target, cell Cell, of func(drive.Latency) time.Duration) string {
	if t.direct() {
		return ""
	}
	return number(c.latency(t.Name, cell.Name, of).Median() - c.latency(cell.direct(), cell.Name, of).Median())
}

func (c Comparison) pairCPU(t Target, cell string) string {
	if t.direct() {
		return ""
	}
	return c.of(t.Name, cell, func(s Sample) float64 { return s.perRequest(s.Pair) }).spread()
}

func (c Comparison) errors(target, cell string) string {
	return count(uint64(c.of(target, cell, func(s Sample) float64 { return float64(s.Failed()) }).Sum()))
}

func (c Comparison) writeClosed(b *strings.Builder, cell Cell) {
	var rows [][]string
	for _, t := range c.taking(cell) {
		rows = append(rows, []string{
			t.Name,
			c.of(t.Name, cell.Name, func(s Sample) float64 { return s.PerSecond() }).spread(),
			c.pairCPU(t, cell.Name),
			c.latency(t.Name, cell.Name, quantiles[0].of).median(),
			c.latency(t.Name, cell.Name, quantiles[2].of).median(),
			c.errors(t.Name, cell.Name),
		})
	}
	table(b, cell.Says, []string{"", "requests/s", "pair's CPU, µs/request", "p50 µs", "p99 µs", "errors"}, rows)
	c.writeRest(b, cell)
}

// writeRest tells what else used the processors, and why requests failed.
func (c Comparison) writeRest(b *strings.Builder, cell Cell) {
	var app, generator, other Figure
	failures := map[string]int{}
	for _, r := range c.Rounds {
		s, ok := r.Cells[cell.Name]
		if !ok {
			continue
		}
		app = append(app, s.perRequest(s.App))
		generator = append(generator, s.perRequest(s.Generator))
		other = append(other, 100*float64(s.Other)/float64(max(s.Took, 1)))
		for why, n := range s.Failures {
			failures[r.Target+": "+why] += n
		}
		if s.Unsent > 0 {
			failures[r.Target+": not sent in time"] += s.Unsent
		}
	}
	fmt.Fprintf(b, "\nApp %s and generator %s µs/request; everything else on the machine %s %% of one core.\n",
		app.spread(), generator.spread(), other.spread())
	for _, why := range slices.Sorted(maps.Keys(failures)) {
		fmt.Fprintf(b, "Errors of %s: %d.\n", why, failures[why])
	}
}

func (c Comparison) writeMemory(b *strings.Builder) {
	moments := []func(Round) *proc.Memory{
		func(r Round) *proc.Memory { return r.Idle },
		func(r Round) *proc.Memory { return r.Loaded },
		func(r Round) *proc.Memory { return r.Held },
	}
	var rows [][]string
	for _, t := range c.Targets {
		if t.direct() {
			continue
		}
		row := []string{t.Name}
		for _, at := range moments {
			row = append(row, c.memory(t.Name, at))
		}
		rows = append(rows, append(row, number(float64(t.Program)/1e6)))
	}
	if len(rows) > 0 {
		table(b, "Memory of the pair, MiB: RSS (PSS)",
			[]string{"", "idle", "after load", "with 1,000 idle connections", "program, MB"}, rows)
	}
}

// memory is the medians at one moment.
func (c Comparison) memory(target string, at func(Round) *proc.Memory) string {
	mebibytes := func(of func(proc.Memory) int64) string {
		return c.gather(target, func(r Round) (float64, bool) {
			m := at(r)
			if m == nil {
				return 0, false
			}
			return float64(of(*m)) / (1 << 20), true
		}).median()
	}
	rss := mebibytes(func(m proc.Memory) int64 { return m.RSS })
	return rss + " (" + mebibytes(func(m proc.Memory) int64 { return m.PSS }) + ")"
}

// writeAccounts shows that the pairs did tell of every request while they were
// measured.
func (c Comparison) writeAccounts(b *strings.Builder) {
	var rows [][]string
	for _, t := range c.Targets {
		if t.direct() {
			continue
		}
		var requests, accessLog, spans, red uint64
		dropped := map[string]uint64{}
		for _, r := range c.Rounds {
			if r.Target != t.Name {
				continue
			}
			requests += r.Requests
			accessLog += r.Account.Rows
			spans += r.Account.Spans
			red += r.Account.RED
			for why, n := range r.Account.Dropped {
				dropped[why] += n
			}
		}
		rows = append(rows, []string{t.Name, count(requests), count(accessLog), count(spans), count(red), reasons(dropped)})
	}
	if len(rows) > 0 {
		table(b, "What the pairs told of their requests, all rounds (and of the checks before each)",
			[]string{"", "requests", "access-log rows", "spans", "RED rows", "dropped"}, rows)
	}
}

func count(n uint64) string { return grouped(strconv.FormatUint(n, 10)) }

func reasons(dropped map[string]uint64) string {
	var all []string
	for _, why := range slices.Sorted(maps.Keys(dropped)) {
		if dropped[why] > 0 {
			all = append(all, why+" "+count(dropped[why]))
		}
	}
	if len(all) == 0 {
		return "0"
	}
	return strings.Join(all, ", ")
}
