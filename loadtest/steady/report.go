package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/loadtest/traffic"
)

// shares is how many equal times the run is cut into; the first holds the warming up, so
// the second is compared with the last.
const shares = 10

// figures is everything that was measured.
type figures struct {
	options

	told   traffic.Books
	asked  *asking
	probed *probing
	looks  []look
	sizes  []clickhouse.Size
}

// String is tables of the figures: early is the second tenth of the run, middle the sixth,
// when the windows of an hour's questions are full, late the last.
func (f *figures) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d spans and %d log rows of %d services in %s, %d CPUs; %d dropped by sidecars, all others stored\n\n",
		f.told.Spans, f.told.Logs, f.shape.Services, f.length, runtime.NumCPU(), f.told.DroppedSpans)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row(w, "", "early", "late", "most")
	f.grown(w, "collector, RSS MiB", func(l look) float64 { return float64(l.collector) / (1 << 20) })
	f.grown(w, "engine, RSS MiB", func(l look) float64 { return float64(l.engine) / (1 << 20) })
	f.grown(w, "parts", func(l look) float64 { return float64(l.parts) })
	f.grown(w, "on disk, MiB", func(l look) float64 { return float64(l.bytes) / (1 << 20) })
	row(w, "")
	row(w, "CPUs", "collector", "engine", "")
	if n := len(f.looks); n > 1 {
		first, last := f.looks[0], f.looks[n-1]
		took := (last.at - first.at).Seconds()
		row(w, "", fmt.Sprintf("%.2f", (last.cpuCollector-first.cpuCollector).Seconds()/took), fmt.Sprintf("%.2f", (last.cpuEngine-first.cpuEngine).Seconds()/took))
	}
	row(w, "")
	row(w, "question, ms", "early p50 / p95", "middle p50 / p95", "late p50 / p95", "asked")
	f.answers(w)
	if late := f.asked.late; len(late) > 0 {
		row(w, "traces not there after "+settled.String(), strconv.Itoa(len(late)), "oldest when found", slices.Max(late).Round(time.Second).String())
	}
	row(w, "")
	row(w, "acknowledged to found, ms", "p50", "p99", "most", "probes")
	row(w, "", ms(quantile(f.probed.took, 50)), ms(quantile(f.probed.took, 99)), ms(quantile(f.probed.took, 100)), strconv.Itoa(len(f.probed.took)))
	row(w, "")
	row(w, "bytes a row in the access log", "merged")
	for _, z := range f.sizes {
		if z.Name == "logs" || strings.HasPrefix(z.Name, "red") || strings.HasPrefix(z.Name, "edges") {
			row(w, z.Name, fmt.Sprintf("%.1f", float64(z.Bytes)/float64(f.told.Logs)), fmt.Sprintf("%d rows", z.Rows))
		}
	}
	w.Flush()
	return b.String()
}

// verdict is an error where something was lost or not answered. How fast it was, and how
// much it took, is for the reader to judge.
func (f *figures) verdict() error {
	var errs []error
	if n := f.told.DroppedSpans + f.told.DroppedLogs; n > 0 {
		errs = append(errs, fmt.Errorf("sidecars dropped %d spans and rows of the access log", n))
	}
	for name, err := range f.asked.failed {
		errs = append(errs, fmt.Errorf("%s: %w", name, err))
	}
	if len(f.looks) < shares {
		errs = append(errs, fmt.Errorf("looked at the processes %d times only", len(f.looks)))
	}
	return errors.Join(errs...)
}

// grown shows the mean of a figure early and late, and the most it ever was.
func (f *figures) grown(w io.Writer, name string, of func(look) float64) {
	var early, late, most float64
	var nEarly, nLate float64
	for _, l := range f.looks {
		v := of(l)
		most = max(most, v)
		switch f.share(l.at) {
		case 1:
			early, nEarly = early+v, nEarly+1
		case shares - 1:
			late, nLate = late+v, nLate+1
		}
	}
	row(w, name, fmt.Sprintf("%.0f", early/max(1, nEarly)), fmt.Sprintf("%.0f", late/max(1, nLate)), fmt.Sprintf("%.0f", most))
}

// share is which tenth of the run a moment is in.
func (f *figures) share(at time.Duration) int { return min(shares-1, int(at*shares/f.length)) }

func (f *figures) answers(w io.Writer) {
	type slot struct {
		question string
		share    int
	}
	took, all := map[slot][]time.Duration{}, map[string]int{}
	for _, a := range f.asked.took {
		all[a.question]++
		at := slot{a.question, f.share(a.at)}
		took[at] = append(took[at], a.took)
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		cells := []string{name}
		for _, share := range []int{1, shares / 2, shares - 1} {
			of := took[slot{name, share}]
			cells = append(cells, ms(quantile(of, 50))+" / "+ms(quantile(of, 95)))
		}
		row(w, append(cells, strconv.Itoa(all[name]))...)
	}
}

// quantile is the percentile of some times, 0 of none.
func quantile(took []time.Duration, percent int) time.Duration {
	if len(took) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(took))
	return sorted[min(len(sorted)-1, len(sorted)*percent/100)]
}

func row(w io.Writer, cells ...string) { fmt.Fprintln(w, strings.Join(cells, "\t")) }

func ms(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d)/float64(time.Millisecond)) }
