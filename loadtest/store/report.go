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
	traces  int
	over    time.Duration
	intake  intake
	sizes   []clickhouse.Size // of tables, merged
	columns []clickhouse.Size // of spans
	answers []answer
}

// What is to be reached, on two cores.
const (
	goalStored   = 60_000  // spans a second
	goalPerCPU   = 100_000 // spans for each second of the collector's processor time
	goalSpanSize = 50      // bytes
)

// measure fills the store, merges it and asks it.
func (r *rig) measure(ctx context.Context, log io.Writer) (*figures, error) {
	f := &figures{traces: r.traces, over: r.over}
	profiled := make(chan error, 1)
	go func() { profiled <- r.profileTo(ctx) }()
	var err error
	f.intake, err = r.send(ctx)
	if err = errors.Join(err, <-profiled); err != nil {
		return nil, err
	}
	fmt.Fprintf(log, "store: %d spans stored in %s; merging\n", f.intake.spans, f.intake.stored.Round(time.Millisecond))
	for _, table := range []string{"spans", "trace_index", "operations"} {
		if err := r.Store.Merge(ctx, table); err != nil {
			return nil, err
		}
	}
	if f.sizes, err = r.Store.Sizes(ctx); err != nil {
		return nil, err
	}
	if f.columns, err = r.Store.ColumnSizes(ctx, "spans"); err != nil {
		return nil, err
	}
	f.answers, err = r.ask(ctx)
	return f, err
}

// String is a table of the figures beside the goals, and below it each question's
// statement and plan.
func (f *figures) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d spans, 11 attributes each, %d B on the wire, over %s; %d CPUs\n\n",
		f.intake.spans, int(f.intake.wire)/f.intake.spans, f.over, runtime.NumCPU())
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	spans := float64(f.intake.spans)
	row(w, "what", "measured", "goal", "")
	row(w, "acknowledged (on disk), spans/s", fmt.Sprintf("%.0f", spans/f.intake.acknowledged.Seconds()), ">= 60000",
		fmt.Sprintf("%d refused and sent again", f.intake.refused))
	row(w, "stored, spans/s", fmt.Sprintf("%.0f", spans/f.intake.stored.Seconds()), fmt.Sprintf(">= %d", goalStored), "")
	row(w, "collector, spans per CPU second", fmt.Sprintf("%.0f", spans/f.intake.collector.Seconds()), fmt.Sprintf(">= %d", goalPerCPU), "")
	row(w, "engine, spans per CPU second", fmt.Sprintf("%.0f", spans/f.intake.engine.Seconds()), "", "")
	var bytes uint64
	for _, z := range f.sizes {
		bytes += z.Bytes
	}
	row(w, "bytes per span, merged", fmt.Sprintf("%.1f", float64(bytes)/spans), fmt.Sprintf("<= %d", goalSpanSize), f.perSpan(f.sizes))
	for _, a := range f.answers {
		row(w, a.name+", p95 ms", ms(a.p95), "<= "+ms(a.goal), fmt.Sprintf("p50 %s, %d rows in all", ms(a.p50), a.rows))
	}
	w.Flush()
	fmt.Fprintf(&b, "\ncolumns of spans, bytes per span: %s\n", f.perSpan(f.columns))
	for _, a := range f.answers {
		fmt.Fprintf(&b, "\n--- %s\n%s\n%s\n", a.name, strings.TrimSpace(a.planned.Statement), strings.Join(a.planned.Lines, "\n"))
	}
	return b.String()
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
