package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
)

// result is what became of the spans, and what that cost. All counts are of spans where
// nothing else is said.
type result struct {
	options

	made         uint64 // that were to be sent
	acknowledged uint64
	kept         uint64 // by their sender: they were refused until the end
	broken       uint64 // whose connection broke before the answer
	brokenStored uint64 // of which
	stored       uint64
	lost         uint64 // acknowledged and not stored
	halves       uint64 // of requests without an answer of which a part is stored
	twice        uint64
	strange      uint64 // stored, and never sent
	index, named uint64 // counted by the tables that views fill
	misindexed   uint64 // requests whose rows the index of traces counts otherwise
	dropped      map[string]uint64

	refused, nobody   int64 // tries
	mostQueued        uint64
	drained, searched time.Duration
	sizes             []clickhouse.Size
	used              int64
	parts             []*part
}

func (r *result) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(what string, v any) { fmt.Fprintf(w, "%s\t%v\n", what, v) }
	fmt.Fprintf(w, "%d spans/s for %s in requests of %d, a kill every %s or so, the disk full for %s; seed %d\n",
		r.rate, r.length, r.batch, r.kills, r.fullFor(), r.seed)
	row("spans sent", r.made)
	row("  acknowledged", r.acknowledged)
	row("  unanswered, as the connection broke", r.broken)
	row("    of which stored", r.brokenStored)
	row("  kept by the sender", r.kept)
	row("spans stored", r.stored)
	row("acknowledged and not stored", r.lost)
	for _, reason := range slices.Sorted(maps.Keys(r.dropped)) {
		row("  dropped: "+reason, r.dropped[reason])
	}
	row("stored twice", r.twice)
	row("in the index of traces", r.index)
	row("in the operations", r.named)
	row("tries refused, to come again", r.refused)
	row("tries that found nobody", r.nobody)
	row("most spans queued", r.mostQueued)
	row("last span stored after the last was sent", r.drained.Round(time.Millisecond))
	for _, p := range r.parts {
		row(p.args[0]+": kills, starts", fmt.Sprintf("%d, %d", p.kills, p.starts))
		row("  longest start", p.longest.Round(time.Millisecond))
		row("  CPU per million spans", (p.cpu * 1e6 / time.Duration(max(r.stored, 1))).Round(10*time.Millisecond))
	}
	row("bytes of tables per span", fmt.Sprintf("%.0f", bytesPerSpan(r.sizes, r.stored)))
	row("bytes on disk, merged parts and queue included", r.used)
	row("search of a service's newest traces", r.searched.Round(time.Millisecond))
	_ = w.Flush() // to memory
	return b.String()
}

func (r *result) fullFor() time.Duration {
	if r.disk == 0 {
		return 0
	}
	return r.full
}

// count adds a request: what its sender knows, and what there is of it in the spans and in
// the index of traces.
func (r *result) count(o outcome, in, indexed found) {
	size := uint64(r.batch)
	r.made += size
	r.stored += in.spans
	r.twice += in.rows - in.spans
	r.index += indexed.rows
	if in.rows != indexed.rows {
		r.misindexed++
	}
	switch o {
	case acknowledged:
		r.acknowledged += size
		r.lost += size - min(size, in.spans)
	case unanswered:
		r.broken += size
		r.brokenStored += in.spans
		if in.spans != 0 && in.spans != size {
			r.halves += in.spans
		}
	case unsent:
		r.kept += size
		r.strange += in.spans
	}
}

// counted is how many spans were dropped with a reason.
func (r *result) counted() (n uint64) {
	for _, v := range r.dropped {
		n += v
	}
	return n
}

// verdict is nil where every span is accounted for and none is there twice.
func (r *result) verdict() error {
	var bad []error
	wrong := func(n uint64, what string) {
		if n != 0 {
			bad = append(bad, fmt.Errorf("%d %s", n, what))
		}
	}
	if counted := r.counted(); r.lost != counted {
		bad = append(bad, fmt.Errorf("%d acknowledged spans are not stored, and %d are counted as dropped", r.lost, counted))
	}
	wrong(r.twice, "spans are stored twice")
	wrong(r.strange, "spans are stored that nobody had acknowledged, or sent")
	wrong(r.halves, "spans are half of a request")
	wrong(r.misindexed, "requests are counted otherwise by the index of traces than by the spans")
	if all := r.stored + r.twice; r.named != all {
		bad = append(bad, fmt.Errorf("the operations count %d spans of %d", r.named, all))
	}
	if r.kept > 0 {
		bad = append(bad, fmt.Errorf("%d spans were not taken until the end", r.kept))
	}
	return errors.Join(bad...)
}
