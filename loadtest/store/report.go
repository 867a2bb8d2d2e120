package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
)

// figures is everything that was measured.
type figures struct {
	data    filling
	intake  intake
	sizes   []clickhouse.Size // of tables, merged
	columns []tableColumns
	answers []answer
}

// tableColumns is what the columns of a table take.
type tableColumns struct {
	name    string
	columns []clickhouse.Size
}

// What is to be reached, on two cores.
const (
	goalStored      = 60_000  // spans a second
	goalPerCPU      = 100_000 // spans for each second of the collector's processor time
	goalSpanSize    = 50      // bytes
	goalRequestSize = 40      // bytes
)

// measure fills the store, merges it and asks it.
func (r *rig) measure(ctx context.Context, log io.Writer) (*figures, error) {
	f := &figures{data: r.data}
	profiled := make(chan error, 1)
	go func() { profiled <- r.profileTo(ctx) }()
	var err error
	f.intake, err = r.data.fill(ctx, r)
	if err = errors.Join(err, <-profiled); err != nil {
		return nil, err
	}
	fmt.Fprintf(log, "store: %d spans stored in %s; merging\n", f.intake.spans, f.intake.stored.Round(time.Millisecond))
	if f.sizes, err = r.merged(ctx); err != nil {
		return nil, err
	}
	for _, table := range f.sizes {
		columns, err := r.Store.ColumnSizes(ctx, table.Name)
		if err != nil {
			return nil, err
		}
		f.columns = append(f.columns, tableColumns{table.Name, columns})
	}
	f.answers, err = r.ask(ctx)
	return f, err
}

// merged merges every table, and tells what it takes then.
func (r *rig) merged(ctx context.Context) ([]clickhouse.Size, error) {
	tables, err := r.Store.Sizes(ctx)
	if err != nil {
		return nil, err
	}
	for _, table := range tables {
		if err := r.Store.Merge(ctx, table.Name); err != nil {
			return nil, err
		}
	}
	return r.Store.Sizes(ctx)
}

// String is a table of the figures beside the goals, and below it each question's
// statement and plan.
func (f *figures) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s; %d B a span on the wire; %d CPUs\n\n", f.data, int(f.intake.wire)/f.intake.spans, runtime.NumCPU())
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	spans := float64(f.intake.spans)
	row(w, "what", "measured", "goal", "")
	row(w, "acknowledged (on disk), spans/s", fmt.Sprintf("%.0f", spans/f.intake.acknowledged.Seconds()), ">= 60000",
		fmt.Sprintf("%d refused and sent again", f.intake.refused))
	row(w, "stored, spans/s", fmt.Sprintf("%.0f", spans/f.intake.stored.Seconds()), fmt.Sprintf(">= %d", goalStored), "")
	row(w, "collector, spans per CPU second", fmt.Sprintf("%.0f", spans/f.intake.collector.Seconds()), fmt.Sprintf(">= %d", goalPerCPU), "")
	row(w, "engine, spans per CPU second", fmt.Sprintf("%.0f", spans/f.intake.engine.Seconds()), "", "")
	row(w, "bytes per span, merged", fmt.Sprintf("%.1f", f.each(ofSpans)), fmt.Sprintf("<= %d", goalSpanSize), f.perSpan(f.sizes))
	if n := f.each(ofRequests); n > 0 {
		row(w, "bytes per row of the access log, RED rows with it", fmt.Sprintf("%.1f", n), fmt.Sprintf("<= %d", goalRequestSize), "")
	}
	for _, a := range f.answers {
		goal := ""
		if a.goal > 0 {
			goal = "<= " + ms(a.goal)
		}
		row(w, a.name+", p95 ms", ms(a.p95), goal, fmt.Sprintf("p50 %s, %d rows in all", ms(a.p50), a.rows))
	}
	w.Flush()
	fmt.Fprintln(&b)
	for _, table := range f.columns {
		if all := f.perSpan(table.columns); all != "" {
			fmt.Fprintf(&b, "columns of %s, bytes per span: %s\n", table.name, all)
		}
	}
	for _, a := range f.answers {
		fmt.Fprintf(&b, "\n--- %s\n", a.name)
		for _, p := range a.planned {
			fmt.Fprintf(&b, "%s\n%s\n", strings.TrimSpace(p.Statement), strings.Join(p.Lines, "\n"))
		}
	}
	return b.String()
}

// ofRequests are the tables of the access log and of RED rows.
func ofRequests(table string) bool {
	return table == "logs" || strings.HasPrefix(table, "edges") || table == "red" || strings.HasPrefix(table, "red_")
}

func ofSpans(table string) bool { return !ofRequests(table) }

// each is what some tables take for a span, or a request: there are as many of both.
func (f *figures) each(of func(table string) bool) float64 {
	var bytes uint64
	for _, z := range f.sizes {
		if of(z.Name) {
			bytes += z.Bytes
		}
	}
	return float64(bytes) / float64(f.intake.spans)
}

func row(w io.Writer, cells ...string) { fmt.Fprintln(w, strings.Join(cells, "\t")) }

func ms(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d)/float64(time.Millisecond)) }

func (f *figures) perSpan(sizes []clickhouse.Size) string {
	var all []string
	for _, z := range sizes {
		if n := float64(z.Bytes) / float64(f.intake.spans); n >= 0.05 {
			all = append(all, fmt.Sprintf("%s %.1f", z.Name, n))
		}
	}
	return strings.Join(all, ", ")
}
