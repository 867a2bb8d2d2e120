package rules

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/promql"
)

// Samples stores values. A batch whose token was stored before is not stored again.
// clickhouse.Store is one.
type Samples interface {
	InsertSamples(ctx context.Context, token string, samples []clickhouse.Sample) error
}

const (
	flushEvery = time.Second // one part per table and second at most
	// maxPending is how many values wait for a store that is away; then the oldest go.
	maxPending = 100_000
	lastFlush  = 5 * time.Second // how long stopping waits for the store
)

// recorder gathers what rules record and stores it once a second, or sooner when a rule
// wants to read what another has just written. It is a storage.Appendable.
type recorder struct {
	samples Samples
	logger  *slog.Logger
	speaks  func() bool // whether what is recorded is stored

	flushing sync.Mutex // held while a batch is being stored

	mu      sync.Mutex // guards what follows
	pending []clickhouse.Sample
	lost    int                  // given up since the store last took some
	last    map[shareKey]float64 // the newest error shares of SLOs
}

// shareKey names an error share.
type shareKey struct{ namespace, slo, window string }

func newRecorder(s Samples, logger *slog.Logger) *recorder {
	return &recorder{samples: s, logger: logger, speaks: func() bool { return true }, last: map[shareKey]float64{}}
}

// Appender begins a batch.
func (r *recorder) Appender(context.Context) storage.Appender { return &appender{to: r} }

// run stores what is recorded until ctx ends, and what is left then.
func (r *recorder) run(ctx context.Context) error {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			final, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastFlush)
			defer cancel()
			return r.flush(final)
		case <-tick.C:
			if err := r.flush(ctx); err != nil && ctx.Err() == nil {
				r.logger.WarnContext(ctx, "recorded values wait for the store", "error", err)
			}
		}
	}
}

// flush stores what is pending. What cannot be stored now stays; what never can is lost.
func (r *recorder) flush(ctx context.Context) error {
	r.flushing.Lock()
	defer r.flushing.Unlock()
	r.mu.Lock()
	batch, lost := r.pending, r.lost
	r.pending = nil
	r.mu.Unlock()
	if len(batch) == 0 {
		return nil
	}
	err := r.samples.InsertSamples(ctx, rand.Text(), batch)
	if refused, ok := errors.AsType[*clickhouse.RefusedError](err); ok {
		r.logger.ErrorContext(ctx, "some recorded values will never be stored", "rows", refused.Rows, "error", err)
		return nil
	}
	if err != nil {
		r.mu.Lock()
		r.pending = append(batch, r.pending...)
		r.mu.Unlock()
		return fmt.Errorf("store %d recorded values, %d older ones were given up: %w", len(batch), lost, err)
	}
	r.tell(ctx, lost)
	return nil
}

// tell says how much was lost once the store takes values again.
func (r *recorder) tell(ctx context.Context, lost int) {
	if lost == 0 {
		return
	}
	r.logger.ErrorContext(ctx, "recorded values were given up while the store was away", "values", lost, "kept", maxPending)
	r.mu.Lock()
	r.lost -= lost
	r.mu.Unlock()
}

func (r *recorder) commit(batch []clickhouse.Sample) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.speaks() {
		r.pending = append(r.pending, batch...)
	}
	if more := len(r.pending) - maxPending; more > 0 {
		r.pending = r.pending[more:]
		r.lost += more
	}
	for _, s := range batch {
		if window, ok := strings.CutPrefix(s.Metric, shareMetric); ok {
			key := shareKey{s.Labels[labelNamespace], s.Labels[labelSLO], window}
			if s.Value != s.Value { // NaN: the share has gone stale
				delete(r.last, key)
				continue
			}
			r.last[key] = s.Value
		}
	}
}

func (r *recorder) share(k shareKey) (float64, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v, ok := r.last[k]
	return v, ok
}

// appender is one batch. The parts of storage.Appender that rules do not use are not
// there: calling one is a programmer's error and panics.
type appender struct {
	storage.Appender

	to    *recorder
	batch []clickhouse.Sample
}

func (a *appender) Append(ref storage.SeriesRef, l labels.Labels, t int64, v float64) (storage.SeriesRef, error) {
	pairs := l.Map()
	delete(pairs, model.MetricNameLabel)
	a.batch = append(a.batch, clickhouse.Sample{
		Metric: l.Get(model.MetricNameLabel), Labels: pairs, Time: time.UnixMilli(t), Value: v,
	})
	return ref, nil
}

var errNoHistograms = errors.New("recorded histograms are not stored")

func (*appender) AppendHistogram(storage.SeriesRef, labels.Labels, int64, *histogram.Histogram, *histogram.FloatHistogram) (storage.SeriesRef, error) {
	return 0, errNoHistograms
}

func (*appender) SetOptions(*storage.AppendOptions) {}

func (a *appender) Commit() error {
	a.to.commit(a.batch)
	a.batch = nil
	return nil
}

func (a *appender) Rollback() error {
	a.batch = nil
	return nil
}

// current is a storage.Queryable that stores what is pending before it reads metrics
// that rules may have written.
type current struct {
	storage.Queryable

	recorder *recorder
}

func (c current) Querier(mint, maxt int64) (storage.Querier, error) {
	q, err := c.Queryable.Querier(mint, maxt)
	return currentQuerier{q, c.recorder}, err
}

type currentQuerier struct {
	storage.Querier

	recorder *recorder
}

func (q currentQuerier) Select(ctx context.Context, sorted bool, hints *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	for _, m := range matchers {
		if m.Name == model.MetricNameLabel && m.Type == labels.MatchEqual && promql.Computed(m.Value) {
			return q.Querier.Select(ctx, sorted, hints, matchers...)
		}
	}
	if err := q.recorder.flush(ctx); err != nil {
		return storage.ErrSeriesSet(err)
	}
	return q.Querier.Select(ctx, sorted, hints, matchers...)
}
