package main

import (
	"context"
	"fmt"
	"time"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/signal"
)

const (
	// A trace's id begins with its request's number.
	ofRequest    = "reinterpretAsUInt64(reverse(substring(trace_id, 1, 8))) AS request"
	storedSpans  = "SELECT " + ofRequest + ", count(), uniqExact(span_id) FROM all_spans GROUP BY request"
	indexedSpans = "SELECT " + ofRequest + ", toUInt64(sum(spans)), toUInt64(0) FROM trace_index GROUP BY request"
	namedSpans   = "SELECT toUInt64(0) AS request, toUInt64(sum(spans)), toUInt64(0) FROM operations"
)

// found is what the store has of a request.
type found struct{ rows, spans uint64 }

// look compares what the store has with what was sent.
func (r *rig) look(ctx context.Context) (*result, error) {
	inSpans, err := r.found(ctx, storedSpans)
	if err != nil {
		return nil, err
	}
	indexed, err := r.found(ctx, indexedSpans)
	if err != nil {
		return nil, err
	}
	named, err := r.found(ctx, namedSpans)
	if err != nil {
		return nil, err
	}
	sum := result{options: r.options, dropped: r.dropped, named: named[0].rows}
	for n, o := range r.sender.outcomes {
		sum.count(o, inSpans[uint64(n)], indexed[uint64(n)])
		delete(inSpans, uint64(n))
	}
	for _, f := range inSpans {
		sum.strange += f.rows
	}
	sum.refused, sum.nobody = r.sender.refused.Load(), r.sender.nobody.Load()
	sum.mostQueued, sum.drained = r.mostQueued, r.drained
	return &sum, r.measure(ctx, &sum)
}

func (r *rig) found(ctx context.Context, query string) (map[uint64]found, error) {
	rows, err := r.store.Query(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("look at what is stored: %w", err)
	}
	defer rows.Close()
	all := map[uint64]found{}
	for rows.Next() {
		var request uint64
		var f found
		if err := rows.Scan(&request, &f.rows, &f.spans); err != nil {
			return nil, fmt.Errorf("look at what is stored: %w", err)
		}
		all[request] = f
	}
	return all, rows.Err()
}

// measure ends both parts, for what they cost.
func (r *rig) measure(ctx context.Context, sum *result) (err error) {
	// A question as the API asks it, over all that was suffered.
	begun := time.Now()
	if _, err := r.store.SearchTraces(ctx, signal.TraceQuery{Service: "service-1"}); err != nil {
		return fmt.Errorf("search: %w", err)
	}
	sum.searched = time.Since(begun)
	if sum.sizes, err = r.store.Sizes(ctx); err != nil {
		return err
	}
	for _, p := range []*part{r.collector, r.engine} {
		if err := p.stop(); err != nil {
			return err
		}
	}
	sum.parts = []*part{r.collector, r.engine}
	sum.used, err = r.disk.used()
	return err
}

// bytesPerSpan is what the tables keep of one, views included.
func bytesPerSpan(sizes []clickhouse.Size, spans uint64) float64 {
	var n uint64
	for _, s := range sizes {
		n += s.Bytes
	}
	return float64(n) / float64(max(spans, 1))
}
