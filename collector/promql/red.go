package promql

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

var (
	//go:embed sql/red_counts.sql
	redCounts string
	//go:embed sql/red_buckets.sql
	redBuckets string
)

// errTooMany ends a query whose rows would not fit into memory.
var errTooMany = errors.New("query needs too many rows; ask for a shorter range, longer steps or fewer series")

// computed reads the RED rows and makes the series of one metric.
func (q *querier) computed(ctx context.Context, h *storage.SelectHints, m *metric, of selection) ([]storage.Series, error) {
	p := plan(h, q.lookback, time.Now())
	b := newBuilder(m, &p, of)
	statement, scan := redCounts, b.counts
	if m.histogram() {
		statement, scan = redBuckets, b.buckets
	}
	if err := q.red(ctx, statement, redParams(m, &p, of.matchers), scan); err != nil {
		return nil, err
	}
	return b.series(), nil
}

// names finds the series of several metrics that have rows in the range, without values.
func (q *querier) names(ctx context.Context, h *storage.SelectHints, all []metric, matchers []*labels.Matcher) ([]storage.Series, error) {
	p := everything(h)
	builders := make([]*builder, len(all))
	for i := range all {
		builders[i] = newBuilder(&all[i], &p, selection{matchers: matchers})
	}
	err := q.red(ctx, redCounts, redParams(&metric{}, &p, matchers), func(rows driver.Rows) error {
		var k key
		var slot int64
		var c counts
		err := rows.Scan(append(k.fields(), c.fields(&slot)...)...)
		for _, b := range builders {
			b.of(&k)
		}
		return err
	})
	var out []storage.Series
	for _, b := range builders {
		out = append(out, b.series()...)
	}
	return out, err
}

// red reads RED rows, each with scan.
func (q *querier) red(ctx context.Context, statement string, params []any, scan func(driver.Rows) error) error {
	rows, err := q.store.Query(ctx, statement, params...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for n := 0; rows.Next(); n++ {
		if n == q.maxRows {
			return errTooMany
		}
		if err := scan(rows); err != nil {
			return fmt.Errorf("scan: %w", err)
		}
	}
	return rows.Err()
}

// everything is the schedule of a question for names only: one slot.
func everything(h *storage.SelectHints) schedule {
	p := schedule{times: []int64{h.End}, start: floorDiv(h.Start, second), end: floorDiv(h.End, second) + 1}
	p.grain = time.Duration(p.end-p.start) * time.Second
	if p.grain > rollupWindow {
		p.coarsen()
	}
	return p
}

// redParams gives the statement what of the matchers it can use. The rest, and names
// that more than one service has, are left to the builder.
func redParams(m *metric, p *schedule, matchers []*labels.Matcher) []any {
	table := "red"
	if p.rollup {
		table = "red_1m"
	}
	reporter := m.reporter
	if reporter == "" {
		reporter = exact(matchers, "reporter")
	}
	source, destination := exact(matchers, m.source...), exact(matchers, m.destination...)
	if source == unknown || source == user {
		source = "" // which says that the row has none
	}
	return []any{
		clickhouse.Named("table", table),
		clickhouse.Named("start", p.start),
		clickhouse.Named("end", p.end),
		clickhouse.Named("grain", int64(p.grain/time.Second)),
		clickhouse.Named("reporter", reporter),
		clickhouse.Named("source", source),
		clickhouse.Named("destination", destination),
	}
}

// selection is which series are wanted, and by which labels they are added up; nil is not.
type selection struct {
	matchers []*labels.Matcher
	sums     *sums
}

// builder gathers rows into series.
type builder struct {
	selection

	metric   *metric
	schedule *schedule
	bounds   []bound // of a histogram

	scratch  labels.ScratchBuilder
	left     *labels.Builder
	byKey    map[key][]*counter // nil where the matchers refuse the key; one per bound
	byLabels map[string]*counter
}

func newBuilder(m *metric, p *schedule, of selection) *builder {
	b := &builder{
		metric: m, schedule: p, selection: of,
		scratch: labels.NewScratchBuilder(32), left: labels.NewBuilder(labels.EmptyLabels()), byKey: map[key][]*counter{}, byLabels: map[string]*counter{},
	}
	b.bounds = m.buckets(func(le string) bool { return accepts(of.matchers, "le", le) })
	return b
}

func (b *builder) counts(rows driver.Rows) error {
	var k key
	var slot int64
	var c counts
	if err := rows.Scan(append(k.fields(), c.fields(&slot)...)...); err != nil {
		return err
	}
	for _, s := range b.of(&k) {
		s.add(slot, b.metric.value(&c))
	}
	return nil
}

func (b *builder) buckets(rows driver.Rows) error {
	var k key
	var slot int64
	var buckets map[int16]uint64
	var sum float64
	if err := rows.Scan(append(k.fields(), &slot, &buckets, &sum)...); err != nil {
		return err
	}
	for i, s := range b.of(&k) {
		if b.metric.native {
			s.addHistogram(slot, buckets, sum, b.metric.unit)
		} else {
			s.add(slot, below(buckets, b.bounds[i].upTo))
		}
	}
	return nil
}

func (k *key) fields() []any {
	return []any{
		&k.reporter, &k.source, &k.sourceVersion, &k.destination, &k.destinationVersion, &k.route, &k.method,
		&k.status, &k.grpcStatus, &k.flags, &k.protocol, &k.mtls,
	}
}

func (c *counts) fields(slot *int64) []any {
	return []any{slot, &c.requests, &c.failed, &c.durationSum, &c.bytesIn, &c.bytesOut, &c.opened}
}

// of is the series, or for a histogram the series of each bound, to which a key's rows
// go: none where a matcher refuses it. Keys that differ in no label share theirs.
func (b *builder) of(k *key) []*counter {
	if known, ok := b.byKey[*k]; ok {
		return known
	}
	var out []*counter
	if !b.metric.covers(k) {
		b.byKey[*k] = nil
		return nil
	}
	if b.metric.bounds == nil {
		out = b.named(k, "")
	}
	for _, le := range b.bounds {
		out = append(out, b.named(k, le.le)...)
	}
	b.byKey[*k] = out
	return out
}

func (b *builder) named(k *key, le string) []*counter {
	b.scratch.Reset()
	b.scratch.Add(model.MetricNameLabel, b.metric.name)
	b.metric.label(&b.scratch, k)
	if le != "" {
		b.scratch.Add("le", le)
	}
	b.scratch.Sort()
	l := b.scratch.Labels()
	if !matches(b.matchers, l) {
		return nil
	}
	if b.sums != nil {
		l = b.sums.of(l, b.left)
	}
	name := l.String()
	s := b.byLabels[name]
	if s == nil {
		s = &counter{labels: l, schedule: b.schedule}
		if b.metric.native {
			s.native = &native{empty: true}
		}
		b.byLabels[name] = s
	}
	return []*counter{s}
}

func (b *builder) series() []storage.Series {
	out := make([]storage.Series, 0, len(b.byLabels))
	for _, s := range b.byLabels {
		out = append(out, s)
	}
	return out
}
