package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/loadtest/backend"
	"github.com/sightline-mesh/sightline/loadtest/traffic"
)

var errNothingYet = errors.New("no trace is old enough to be asked for")

const (
	lateLook  = time.Second // from one look for a trace that is late to the next
	lateLimit = time.Minute
)

// question is one kind of thing that people ask.
type question struct {
	name string
	ask  func(ctx context.Context) error
}

// asking asks one question after the other.
type asking struct {
	options

	store  *clickhouse.Store
	dice   *rand.Rand
	life   *life
	begun  time.Time
	failed map[string]error // the last error of a question

	took []answer
	late []time.Duration // ages at which traces were found that were not there when first asked for
}

// answer is how long one took, and when it was asked.
type answer struct {
	question string
	at       time.Duration // since the start
	took     time.Duration
}

func newAsking(o options, s *clickhouse.Store, l *life) *asking {
	return &asking{
		options: o, store: s, life: l, dice: rand.New(rand.NewPCG(2, 2)), failed: map[string]error{},
		begun: time.Now(),
	}
}

func (a *asking) questions() []question {
	last := func(d time.Duration) signal.Window {
		now := time.Now()
		return signal.Window{Start: now.Add(-d), End: now}
	}
	service := func() string { return traffic.Service(a.dice.IntN(a.shape.Services)) }
	return []question{
		{"trace by id", func(ctx context.Context) error {
			one, ok := a.life.known(a.dice)
			if !ok {
				return errNothingYet
			}
			_, err := a.store.Trace(ctx, one.id.String())
			if errors.Is(err, clickhouse.ErrNotFound) {
				return a.await(ctx, one)
			}
			return err
		}},
		{"service, 503, over 5 ms, 20 rows", func(ctx context.Context) error {
			w := last(time.Hour)
			_, err := a.store.SearchTraces(ctx, signal.TraceQuery{
				Service: service(), Status: "503", MinDuration: 5 * time.Millisecond, Start: w.Start, End: w.End, Limit: 20,
			})
			return err
		}},
		{"graph of 5 min", func(ctx context.Context) error {
			for _, err := range a.store.Edges(ctx, last(5*time.Minute)) {
				if err != nil {
					return err
				}
			}
			return nil
		}},
		{"RED of a service, 15 min by 15 s", func(ctx context.Context) error {
			_, err := a.store.Series(ctx, service(), last(15*time.Minute), 15*time.Second)
			return err
		}},
		{"logs of a service that failed, 100 rows", func(ctx context.Context) error {
			w := last(15 * time.Minute)
			_, err := a.store.Logs(ctx, signal.LogQuery{Service: service(), MinStatus: 500, Start: w.Start, End: w.End})
			return err
		}},
		{"p99 by service, PromQL, 15 min by 15 s", func(ctx context.Context) error {
			return backend.QueryRange(ctx, a.store, backend.P99, last(15*time.Minute), 15*time.Second)
		}},
	}
}

// errLate is of a trace that came after it was asked for; its age is in late.
var errLate = errors.New("found late")

// await asks for a trace that was not found until it is. One that is not there even then
// is lost, or hidden, which is another defect than a slow store.
func (a *asking) await(ctx context.Context, one told) error {
	ctx, cancel := context.WithTimeout(ctx, lateLimit)
	defer cancel()
	for asked := time.Now(); ; {
		select {
		case <-ctx.Done():
			return fmt.Errorf("trace %s of %s: not found %s later", one.id, one.at.Format(time.TimeOnly), time.Since(asked).Round(time.Second))
		case <-time.After(lateLook):
		}
		if _, err := a.store.Trace(ctx, one.id.String()); err == nil {
			a.late = append(a.late, time.Since(one.at))
			return errLate
		}
	}
}

// run asks until ctx ends.
func (a *asking) run(ctx context.Context) {
	clock := time.NewTicker(a.every)
	defer clock.Stop()
	all := a.questions()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-clock.C:
		}
		q := all[n%len(all)]
		asked := time.Now()
		err := q.ask(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, errNothingYet), errors.Is(err, errLate):
		case err != nil:
			a.failed[q.name] = err
		default:
			a.took = append(a.took, answer{q.name, asked.Sub(a.begun), time.Since(asked)})
		}
	}
}
