package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

const (
	topEvery = time.Second
	// maxTopRows bounds the rows that are counted; requests of others go into one.
	maxTopRows = 1000
	// maxTopTimes bounds the latencies of which a row's median is made: the newest.
	maxTopTimes = 1024
)

// topKey is what rows are kept apart by.
type topKey struct {
	Source string `json:"source"`
	Target string `json:"target"`
	Method string `json:"method"`
	Route  string `json:"route"` // of a route that has no name, the path
}

// topRow is what was seen of one key.
type topRow struct {
	topKey

	Requests uint64        `json:"requests"`
	Best     time.Duration `json:"best"`
	Worst    time.Duration `json:"worst"`
	Median   time.Duration `json:"median"` // of the newest 1024
	Last     time.Duration `json:"last"`
	Success  float64       `json:"success"` // share, 0 to 1

	failed uint64
	times  []time.Duration
}

// topTable counts requests. Its methods may be called from any goroutine.
type topTable struct {
	mu      sync.Mutex
	rows    map[topKey]*topRow
	byPath  bool
	service bool
}

func (t *topTable) add(r *mesh.Tapped) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := t.key(r)
	row := t.rows[k]
	if row == nil {
		if len(t.rows) >= maxTopRows {
			k = topKey{Source: "other", Target: "other", Method: "other", Route: "other"}
		}
		if row = t.rows[k]; row == nil {
			row = &topRow{topKey: k, Best: r.Took}
			t.rows[k] = row
		}
	}
	row.add(r)
}

func (t *topTable) key(r *mesh.Tapped) topKey {
	k := topKey{Method: r.Method, Route: r.Route}
	k.Source, k.Target = r.Service, r.Peer
	if !t.service {
		k.Source, k.Target = r.Instance, cmp.Or(r.PeerInstance, r.Peer)
	}
	if r.Direction == mesh.InboundTap {
		k.Source, k.Target = k.Target, k.Source
	}
	if t.byPath || k.Route == "" {
		k.Route = r.Path
	}
	return k
}

func (r *topRow) add(q *mesh.Tapped) {
	if len(r.times) < maxTopTimes {
		r.times = append(r.times, q.Took)
	} else {
		r.times[r.Requests%maxTopTimes] = q.Took
	}
	r.Requests++
	r.Best, r.Worst, r.Last = min(r.Best, q.Took), max(r.Worst, q.Took), q.Took
	if q.Failed {
		r.failed++
	}
}

// sorted are the rows, busiest first.
func (t *topTable) sorted() []topRow {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]topRow, 0, len(t.rows))
	for _, r := range t.rows {
		times := slices.Sorted(slices.Values(r.times))
		r.Median = times[len(times)/2]
		r.Success = 1 - float64(r.failed)/float64(r.Requests)
		out = append(out, *r)
	}
	slices.SortFunc(out, func(a, b topRow) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), cmp.Compare(a.Source, b.Source),
			cmp.Compare(a.Target, b.Target), cmp.Compare(a.Method, b.Method), cmp.Compare(a.Route, b.Route))
	})
	return out
}

func newTop(g *globals) *cobra.Command {
	var f tapFlags
	t := &topTable{rows: map[topKey]*topRow{}}
	c := &cobra.Command{
		Use:   "top service[:version][/instance]",
		Short: "A live table of what a service's sidecars carry, by caller, callee, method and route",
		Long: "A live table of what a service's sidecars carry, by caller, callee, method and route: requests,\n" +
			"best, worst and median time, share of success. It counts the requests that it is told of:\n" +
			"beyond --max-rps they are a sample. Not on a terminal, or with -o json or yaml, it comes once, at the end.",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			out := c.OutOrStdout()
			live := g.output == "text" && terminal(out)
			over := make(chan struct{})
			var drawing sync.WaitGroup
			if live {
				drawing.Go(func() { t.draw(g, out, over) })
			}
			err := f.follow(c, g, args[0], false, func(r *mesh.Tapped) error { t.add(r); return nil })
			close(over)
			drawing.Wait()
			if live {
				return err
			}
			rows := t.sorted()
			return errors.Join(err, g.print(out, rows, func(w *table) { topText(w, rows) }))
		},
	}
	f.register(c)
	c.Flags().BoolVar(&t.byPath, "paths", false, "by path instead of by route")
	c.Flags().BoolVar(&t.service, "services", false, "by service instead of by instance")
	return c
}

// draw shows the table anew each second until over is closed, and once more then.
func (t *topTable) draw(g *globals, out io.Writer, over <-chan struct{}) {
	tick := time.NewTicker(topEvery)
	defer tick.Stop()
	for last := false; !last; {
		select {
		case <-over:
			last = true
		case <-tick.C:
		}
		rows := t.sorted()
		rows = rows[:min(len(rows), 40)]
		_, _ = io.WriteString(out, "\x1b[H\x1b[2J")                 // home, clear
		_ = g.print(out, rows, func(w *table) { topText(w, rows) }) // the terminal has gone: follow ends too
	}
}

func topText(w *table, rows []topRow) {
	w.head("SOURCE", "TARGET", "METHOD", "ROUTE", "REQUESTS", "BEST", "WORST", "MEDIAN", "SUCCESS")
	short := func(d time.Duration) string { return d.Round(10 * time.Microsecond).String() }
	for i := range rows {
		r := &rows[i]
		w.row(printable(r.Source), printable(r.Target), printable(r.Method), printable(r.Route), r.Requests,
			short(r.Best), short(r.Worst), short(r.Median), fmt.Sprintf("%.2f %%", 100*r.Success))
	}
}
