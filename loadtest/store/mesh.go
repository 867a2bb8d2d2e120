package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/loadtest/backend"
	"github.com/sightline-mesh/sightline/loadtest/traffic"
)

// The mesh: two hundred edges, and what a day of it leaves in the store.
var meshShape = traffic.Shape{Services: 50, Callees: 4}

const (
	meshDay = 24 * time.Hour
	// meshQueued bounds the spans that sidecars hold: none may be dropped.
	meshQueued = 20_000
	redBatch   = 50_000
)

// meshset is a day of a mesh's telemetry: spans and access log by sidecars' emitters, RED
// rows as they would have come second by second.
type meshset struct {
	spans int
	begin time.Time
	ids   []string // of some traces
}

func newMeshset(spans int, end time.Time) *meshset {
	return &meshset{spans: spans, begin: end.Add(-meshDay)}
}

func (d *meshset) String() string {
	return fmt.Sprintf("%d spans, as many rows of the access log, and RED rows by the second of a day of %d services with %d edges",
		d.spans, meshShape.Services, meshShape.Edges())
}

// fill has the sidecars tell of a day as fast as the collector takes it.
func (d *meshset) fill(ctx context.Context, r *rig) (in intake, err error) {
	mesh, err := traffic.New(meshShape, r.OTLP, r.patience)
	if err != nil {
		return in, err
	}
	before, err := r.used()
	if err != nil {
		return in, err
	}
	begun := time.Now()
	sending, done := context.WithCancel(ctx)
	defer done()
	var sidecars sync.WaitGroup
	sidecars.Go(func() { mesh.Run(sending) })
	d.tell(ctx, mesh)
	done()
	sidecars.Wait()
	books := mesh.Books()
	if n := books.DroppedSpans + books.DroppedLogs; n > 0 || ctx.Err() != nil {
		return in, fmt.Errorf("sidecars dropped %d spans and rows: %w", n, context.Cause(ctx))
	}
	in.spans, in.acknowledged = int(books.Spans), time.Since(begun)
	if err := r.Drained(ctx, books.Spans, r.patience); err != nil {
		return in, err
	}
	in.stored = time.Since(begun)
	if err := in.since(before, r); err != nil {
		return in, err
	}
	return in, d.red(ctx, r.Store)
}

func (d *meshset) tell(ctx context.Context, mesh *traffic.Mesh) {
	requests := max(1, d.spans/traffic.SpansOfRequest)
	step := meshDay / time.Duration(requests)
	for n := 0; n < requests && ctx.Err() == nil; n++ {
		id := mesh.Request(d.begin.Add(time.Duration(n) * step)).String()
		if n%97 == 0 {
			d.ids = append(d.ids, id)
		}
		for n%64 == 0 && mesh.Books().QueuedSpans > meshQueued && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
	}
}

// red stores the RED rows of both ends of each call.
func (d *meshset) red(ctx context.Context, s *clickhouse.Store) error {
	calls := max(1, d.spans/2)
	step := meshDay / time.Duration(calls)
	dice := rand.New(rand.NewPCG(3, 3))
	var rows []clickhouse.REDRow
	for n := range calls {
		from := dice.IntN(meshShape.Services)
		to := (from + 1 + dice.IntN(meshShape.Callees)) % meshShape.Services
		row := redRow(dice, d.begin.Add(time.Duration(n)*step).Truncate(time.Second), from, to)
		rows = append(rows, row)
		row.Reporter = signal.Destination
		rows = append(rows, row)
		if len(rows) < redBatch && n < calls-1 {
			continue
		}
		if err := s.InsertRED(ctx, fmt.Sprintf("loadtest-%d", n), rows); err != nil {
			return err
		}
		rows = rows[:0]
	}
	return nil
}

func redRow(dice *rand.Rand, second time.Time, from, to int) clickhouse.REDRow {
	took := 1 + dice.ExpFloat64()*20
	row := clickhouse.REDRow{
		REDKey: clickhouse.REDKey{
			Time: second, Reporter: signal.Source, Source: traffic.Service(from), SourceVersion: "v1",
			Destination: traffic.Service(to), DestinationVersion: "v1", Instance: traffic.Service(to) + "-v1-1",
			Route: traffic.Route(dice.IntN(traffic.Routes)), Method: "GET", Status: 200, GRPCStatus: -1, Protocol: "http/1.1", MTLS: true,
		},
		Requests: 1, DurationSum: took, Buckets: map[int16]uint64{signal.BucketOf(took): 1},
		BytesIn: uint64(dice.IntN(2000)), BytesOut: uint64(dice.IntN(20_000)),
	}
	if dice.IntN(100) == 0 {
		row.Status, row.Flags, row.Failed = 503, "UF", 1
	}
	return row
}

// within is some window of a length.
func (d *meshset) within(r *rand.Rand, length time.Duration) signal.Window {
	start := d.begin.Add(time.Duration(r.Int64N(int64(meshDay-length) + 1)))
	return signal.Window{Start: start, End: start.Add(length)}
}

func (d *meshset) questions() []question {
	id := func(r *rand.Rand) string { return d.ids[r.IntN(len(d.ids))] }
	service := func(r *rand.Rand) string { return traffic.Service(r.IntN(meshShape.Services)) }
	failing := func(r *rand.Rand) signal.TraceQuery {
		w := d.within(r, time.Hour)
		return signal.TraceQuery{Service: service(r), Status: "503", MinDuration: 5 * time.Millisecond, Start: w.Start, End: w.End, Limit: 20}
	}
	return []question{
		traceByID(id),
		cold(traceByID(id)),
		search("service, 503, over 5 ms, 1 h, 20 rows", 50*time.Millisecond, failing),
		graph("graph of 5 min", 20*time.Millisecond, 5*time.Minute, d),
		graph("graph of 24 h", 100*time.Millisecond, meshDay, d),
		{name: "RED of a service, 24 h by minute", ask: func(ctx context.Context, t *rig, r *rand.Rand) (int, error) {
			w := d.within(r, meshDay)
			points, err := t.Store.Series(ctx, service(r), w, time.Minute)
			return len(points), err
		}},
		{name: "rows of a service that failed, 1 h, 100 rows", ask: func(ctx context.Context, t *rig, r *rand.Rand) (int, error) {
			w := d.within(r, time.Hour)
			page, err := t.Store.Logs(ctx, signal.LogQuery{Service: service(r), MinStatus: 500, Start: w.Start, End: w.End})
			return len(page.Logs), err
		}},
		{name: "p99 by service, PromQL, 24 h by 5 min", ask: func(ctx context.Context, t *rig, r *rand.Rand) (int, error) {
			return 1, backend.QueryRange(ctx, t.Store, backend.P99, d.within(r, meshDay), 5*time.Minute)
		}},
	}
}

func graph(name string, goal, length time.Duration, d *meshset) question {
	return question{name: name, goal: goal, ask: func(ctx context.Context, t *rig, r *rand.Rand) (edges int, err error) {
		for _, err := range t.Store.Edges(ctx, d.within(r, length)) {
			if err != nil {
				return edges, err
			}
			edges++
		}
		return edges, nil
	}}
}
