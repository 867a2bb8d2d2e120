package promql

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

var (
	//go:embed sql/red.sql
	redRows string
	//go:embed sql/red_counts.sql
	redCounts string
	//go:embed sql/red_buckets.sql
	redBuckets string
)

var (
	// errTooMany ends a query whose rows would not fit into memory.
	errTooMany = errors.New("query needs too many rows; ask for a shorter range, longer steps or fewer series")
	// errTooManyRED is the same of RED rows, which the store can add up.
	errTooManyRED = fmt.Errorf("%w, or add series up by the labels that matter, as in sum by (destination_service_name) (rate(...))", errTooMany)
)

// computed reads the RED rows and makes the series of one metric.
func (q *querier) computed(ctx context.Context, h *storage.SelectHints, m *metric, of selection) ([]storage.Series, error) {
	p := plan(h, of.notes, q.lookback, time.Now())
	b := newBuilder(m, &p, of)
	read := redRead{redCounts, redParams(m, &p, of.matchers, of.columns(m)), q.maxRED, b.counts}
	if m.histogram() {
		read.sums, read.scan = redBuckets, b.buckets
		read.most /= histogramCost
	}
	if err := q.red(ctx, &read); err != nil {
		return nil, err
	}
	return b.series(), nil
}

// names finds the series of several metrics that have rows in the range, without values.
func (q *querier) names(ctx context.Context, h *storage.SelectHints, all []metric, of selection) ([]storage.Series, error) {
	p := everything(h)
	builders := make([]*builder, len(all))
	columns := []string{"reporter", "protocol"} // which metrics differ in
	for i := range all {
		builders[i] = newBuilder(&all[i], &p, of)
		columns = append(columns, of.columns(&all[i])...)
	}
	params := redParams(&metric{of: anything}, &p, of.matchers, columns)
	err := q.red(ctx, &redRead{redCounts, params, q.maxRED, func(rows driver.Rows) error {
		var k key
		var slot int64
		var c counts
		err := rows.Scan(append(k.fields(), c.fields(&slot)...)...)
		for _, b := range builders {
			if b.metric.covers(&k) {
				b.of(&k)
			}
		}
		return err
	}})
	var out []storage.Series
	for _, b := range builders {
		out = append(out, b.series()...)
	}
	return out, err
}

// redRead is what is added up of RED rows, in SQL, and what is done with each row of the
// answer. More rows than so many are not read.
type redRead struct {
	sums   string
	params []any
	most   int
	scan   func(driver.Rows) error
}

// histogramCost is as many rows as one with a histogram counts for.
const histogramCost = 5

// red reads RED rows. The engine itself ends where there are too many, before it has read
// them all.
func (q *querier) red(ctx context.Context, r *redRead) error {
	statement := strings.NewReplacer("{{sums}}", strings.TrimSpace(r.sums), "{{most}}", strconv.Itoa(r.most)).Replace(redRows)
	rows, err := q.store.Query(ctx, statement, r.params...)
	if err != nil {
		return overRED(err)
	}
	defer rows.Close()
	for n := 0; rows.Next(); n++ {
		if n == r.most {
			return errTooManyRED
		}
		if err := r.scan(rows); err != nil {
			return fmt.Errorf("scan: %w", err)
		}
	}
	return overRED(rows.Err())
}

// overRED says of an error that means that a question costs too much what would help.
func overRED(err error) error {
	const (
		tooManyRows     = 158
		timeoutExceeded = 159
		memoryLimit     = 241
	)
	e, ok := errors.AsType[*clickhouse.Exception](err)
	if ok && slices.Contains([]int32{tooManyRows, timeoutExceeded, memoryLimit}, e.Code) {
		return fmt.Errorf("%w (%w)", errTooManyRED, err)
	}
	return err
}

// everything is the schedule of a question for names only: one slot, of all the time that
// the store's types hold at most.
func everything(h *storage.SelectHints) schedule {
	p := schedule{times: []int64{h.End}, start: clampDay(h.Start) / second, end: clampDay(h.End)/second + 1}
	p.grain = time.Duration(p.end-p.start) * time.Second
	if p.grain > rollupWindow {
		p.coarsen()
	}
	return p
}

// redParams gives the statement the columns that keys are told apart by, and what of the
// matchers it can use. The rest, and names that more than one service has, are left to the
// builder.
func redParams(m *metric, p *schedule, matchers []*labels.Matcher, columns []string) []any {
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
		clickhouse.Named("of", m.of.String()),
		clickhouse.Named("columns", columns),
	}
}

// selection is which series are wanted, and what is noted of them.
type selection struct {
	matchers []*labels.Matcher
	notes
}

// columns are those of a key that the labels of a metric's wanted series, and those that are
// matched, are made of. Keys that differ in others are added up in the store.
func (s *selection) columns(m *metric) []string {
	var out []string
	for _, l := range m.labels {
		matched := slices.ContainsFunc(s.matchers, func(m *labels.Matcher) bool { return m.Name == l.name })
		if matched || s.sums.keeps(l.name) {
			out = append(out, l.from...)
		}
	}
	return out
}

// builder gathers rows into series.
type builder struct {
	selection

	metric   *metric
	schedule *schedule
	bounds   []bound   // of a histogram
	spread   []float64 // a row's counts between them

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
	b.spread = make([]float64, len(b.bounds))
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
	of := b.of(&k)
	if len(of) == 0 {
		return nil
	}
	if b.metric.native {
		of[0].addHistogram(slot, buckets, sum, b.metric.unit)
		return nil
	}
	clear(b.spread)
	spread(buckets, b.bounds, b.spread)
	var below float64
	for i, s := range of {
		below += b.spread[i]
		s.add(slot, below)
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
	for _, l := range b.metric.labels {
		if v := l.value(k); v != "" {
			b.scratch.Add(l.name, v)
		}
	}
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
