package remote

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
)

const (
	// oldest is the age from which on the store, which keeps samples for 30 days, would
	// soon drop a sample.
	oldest = 29 * 24 * time.Hour
	// ahead is how far a sender's clock may be ahead, as in Prometheus.
	ahead = 10 * time.Minute

	maxLabels     = 256
	maxLabelName  = 1 << 10 // bytes
	maxLabelValue = 64 << 10
	maxComplaints = 5 // told of one request
)

// batch is what a request brought, as far as it is right.
type batch struct {
	samples   []clickhouse.Sample
	exemplars []clickhouse.Exemplar
	metadata  []clickhouse.Metadata

	values, histograms int // of samples that are stored, or will be
	marks              int // exemplars that are
	refused            int // samples and exemplars
	complaints         []error

	now   time.Time
	admit func(labels.Labels) error // nil takes every series
}

// rows is how much the batch is for the store.
func (b *batch) rows() int { return len(b.samples) + len(b.exemplars) + len(b.metadata) }

// refuse counts what cannot be stored and why.
func (b *batch) refuse(n int, err error) {
	b.refused += n
	if len(b.complaints) < maxComplaints {
		b.complaints = append(b.complaints, err)
	}
}

var errNeverStored = errors.New("the store will never take it; the collector's log says why")

// lose refuses what the store did of the batch's part of a group.
func (b *batch) lose(l losses, from offset) {
	for i := range partOf(l.samples, from.samples, len(b.samples)) {
		if b.samples[i].Histogram == nil {
			b.values--
		} else {
			b.histograms--
		}
		b.refuse(1, fmt.Errorf("sample of %s: %w", b.samples[i].Metric, errNeverStored))
	}
	for i := range partOf(l.exemplars, from.exemplars, len(b.exemplars)) {
		b.marks--
		b.refuse(1, fmt.Errorf("exemplar of %s: %w", b.exemplars[i].Metric, errNeverStored))
	}
}

// partOf gives the places, of n from one on, that are among the lost ones.
func partOf(r *clickhouse.RefusedError, from, n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		if r == nil {
			return
		}
		at, _ := slices.BinarySearch(r.Lost, from)
		for _, place := range r.Lost[at:] {
			if place >= from+n || !yield(place-from) {
				return
			}
		}
	}
}

// wrong is what to tell the sender, nil where all was right.
func (b *batch) wrong() error {
	if len(b.complaints) == 0 {
		return nil
	}
	return fmt.Errorf("%d samples and exemplars refused: %w", b.refused, errors.Join(b.complaints...))
}

// series is one whose labels are right.
type series struct {
	metric string
	pairs  map[string]string // without the name; shared by all samples
	all    labels.Labels
}

// seriesOf checks the labels of a series, and that it is not one too many.
func (b *batch) seriesOf(l labels.Labels) (series, error) {
	s, err := seriesOf(l)
	if err == nil && b.admit != nil {
		err = b.admit(l)
	}
	return s, err
}

// seriesOf checks the labels of a series.
func seriesOf(l labels.Labels) (series, error) {
	metric := l.Get(model.MetricNameLabel)
	if metric == "" {
		return series{}, fmt.Errorf("series %s: no metric name; want a label __name__", l)
	}
	if l.Len() > maxLabels {
		return series{}, fmt.Errorf("series %s: %d labels; want at most %d", metric, l.Len(), maxLabels)
	}
	if name, twice := l.HasDuplicateLabelNames(); twice {
		return series{}, fmt.Errorf("series %s: label %q comes twice", metric, name)
	}
	pairs := make(map[string]string, l.Len())
	err := l.Validate(func(l labels.Label) error {
		switch {
		case !model.UTF8Validation.IsValidLabelName(l.Name):
			return fmt.Errorf("series %q: label name %q is empty or no UTF-8", metric, l.Name)
		case !model.LabelValue(l.Value).IsValid():
			return fmt.Errorf("series %q: value of label %q is no UTF-8", metric, l.Name)
		case len(l.Name) > maxLabelName || len(l.Value) > maxLabelValue:
			return fmt.Errorf("series %q: label %.40q is too long; want names up to %d bytes and values up to %d", metric, l.Name, maxLabelName, maxLabelValue)
		}
		if l.Value != "" && l.Name != model.MetricNameLabel {
			pairs[l.Name] = l.Value
		}
		return nil
	})
	return series{metric, pairs, l}, err
}

// at checks a time in Unix milliseconds.
func (b *batch) at(s *series, ms int64) (time.Time, error) {
	t := time.UnixMilli(ms)
	if t.After(b.now.Add(ahead)) {
		return t, fmt.Errorf("series %s: timestamp %d is more than %v ahead", s.all, ms, ahead)
	}
	if t.Before(b.now.Add(-oldest)) {
		return t, fmt.Errorf("series %s: timestamp %d is more than %v ago", s.all, ms, oldest)
	}
	return t, nil
}

// start is the time since when a counter has been counting; 0 is not known.
func start(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

func (b *batch) value(s *series, st, ms int64, v float64) {
	t, err := b.at(s, ms)
	if err != nil {
		b.refuse(1, err)
		return
	}
	b.values++
	b.samples = append(b.samples, clickhouse.Sample{Metric: s.metric, Labels: s.pairs, Time: t, Start: start(st), Value: v})
}

// histogram takes one of integers or one of floats.
func (b *batch) histogram(s *series, st, ms int64, h *histogram.Histogram, fh *histogram.FloatHistogram) {
	t, err := b.at(s, ms)
	if err == nil && h != nil {
		if err = h.Validate(); err == nil {
			fh = h.ToFloat(nil)
		}
	} else if err == nil {
		err = fh.Validate()
	}
	if err == nil && histogram.IsExponentialSchemaReserved(fh.Schema) && fh.Schema > histogram.ExponentialSchemaMax {
		err = fh.ReduceResolution(histogram.ExponentialSchemaMax)
	}
	if err != nil {
		b.refuse(1, fmt.Errorf("histogram of %s: %w", s.all, err))
		return
	}
	b.histograms++
	b.samples = append(b.samples, clickhouse.Sample{Metric: s.metric, Labels: s.pairs, Time: t, Start: start(st), Histogram: fh})
}

func (b *batch) exemplar(s *series, e exemplar.Exemplar) {
	t, err := b.at(s, e.Ts)
	if err == nil {
		_, err = seriesOf(labels.NewBuilder(e.Labels).Set(model.MetricNameLabel, s.metric).Labels())
	}
	if err != nil {
		b.refuse(1, fmt.Errorf("exemplar: %w", err))
		return
	}
	b.marks++
	b.exemplars = append(b.exemplars, clickhouse.Exemplar{Metric: s.metric, Labels: s.pairs, Of: e.Labels.Map(), Time: t, Value: e.Value})
}

// describe takes what a metric is. Words longer than a label may be are left out.
func (b *batch) describe(metric, kind, unit, help string) {
	if metric == "" || kind == string(model.MetricTypeUnknown) && unit == "" && help == "" || len(unit) > maxLabelName || len(help) > maxLabelValue || len(metric) > maxLabelName {
		return
	}
	b.metadata = append(b.metadata, clickhouse.Metadata{Metric: metric, Kind: kind, Unit: unit, Help: help})
}
