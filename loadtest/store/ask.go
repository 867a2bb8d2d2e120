package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/signal"
)

// question is one kind of thing that people ask of the store.
type question struct {
	name   string
	goal   time.Duration                           // p95; 0 is none
	before func(ctx context.Context, t *rig) error // what is done before it is asked, nil is nothing
	ask    func(ctx context.Context, t *rig, r *rand.Rand) (rows int, err error)
}

// answer is how long the answers to a question took.
type answer struct {
	question
	p50, p95 time.Duration
	rows     int               // of all answers
	planned  []clickhouse.Plan // of the statements of one more
}

func (d *dataset) questions() []question {
	id := func(r *rand.Rand) string {
		trace := traceID(r.IntN(d.traces))
		return hex.EncodeToString(trace[:])
	}
	failing := func(r *rand.Rand) signal.TraceQuery {
		end := d.start(r.IntN(d.traces)).Add(time.Minute)
		return signal.TraceQuery{
			Service: string(d.services[r.IntN(spansPerTrace)]), Status: "503", MinDuration: 50 * time.Millisecond,
			Start: end.Add(-time.Hour), End: end, Limit: 20,
		}
	}
	common := func(r *rand.Rand) signal.TraceQuery {
		return d.whole(fmt.Sprintf("%s=%s", d.keys[r.IntN(keyCount)], d.values[r.IntN(valueCount)]))
	}
	unique := func(r *rand.Rand) signal.TraceQuery {
		n := r.IntN(max(1, (d.traces+rareEvery/2)/rareEvery))
		return d.whole(rareKey + "=" + rare(n*rareEvery+rareEvery/2))
	}
	return []question{
		traceByID(id),
		cold(traceByID(id)),
		search("service, 503, over 50 ms, 1 h, 20 rows", 50*time.Millisecond, failing),
		search("key=value on 1 of 9,000 spans, all services, all days", 150*time.Millisecond, common),
		search("key=value on 1 trace of 10,000, all services, all days", 150*time.Millisecond, unique),
	}
}

// whole asks for an attribute in all that is there.
func (d *dataset) whole(text string) signal.TraceQuery {
	return signal.TraceQuery{Text: text, Start: d.begin.Add(-time.Minute), End: time.Now(), Limit: 20}
}

func traceByID(id func(*rand.Rand) string) question {
	return question{name: "trace by id", goal: 30 * time.Millisecond, ask: func(ctx context.Context, t *rig, r *rand.Rand) (int, error) {
		spans, err := t.Store.Trace(ctx, id(r))
		return len(spans), err
	}}
}

func search(name string, goal time.Duration, query func(*rand.Rand) signal.TraceQuery) question {
	return question{name: name, goal: goal, ask: func(ctx context.Context, t *rig, r *rand.Rand) (int, error) {
		page, err := t.Store.SearchTraces(ctx, query(r))
		return len(page.Traces), err
	}}
}

// ask asks each question.
func (r *rig) ask(ctx context.Context) ([]answer, error) {
	var all []answer
	for _, q := range r.data.questions() {
		a, err := r.askOne(ctx, q)
		if errors.Is(err, errWarm) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", q.name, err)
		}
		all = append(all, a)
	}
	return all, nil
}

// askOne asks a question a few times to warm up, and then as often as is measured.
func (r *rig) askOne(ctx context.Context, q question) (answer, error) {
	a := answer{question: q}
	dice := dice(0, len(q.name))
	var took []time.Duration
	for n := range r.asks + warmUp {
		if q.before != nil {
			if err := q.before(ctx, r); err != nil {
				return a, err
			}
		}
		begun := time.Now()
		rows, err := q.ask(ctx, r, dice)
		if err != nil {
			return a, err
		}
		if n >= warmUp {
			took = append(took, time.Since(begun))
			a.rows += rows
		}
	}
	slices.Sort(took)
	a.p50, a.p95 = took[len(took)/2], took[(len(took)*95)/100]
	var mu sync.Mutex // a question may have several statements at a time
	_, err := q.ask(clickhouse.WithPlans(ctx, func(p clickhouse.Plan) {
		mu.Lock()
		defer mu.Unlock()
		a.planned = append(a.planned, p)
	}), r, dice)
	return a, err
}

const warmUp = 5
