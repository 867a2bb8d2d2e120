package exporter

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/sightline-mesh/sightline/collector/clickhouse"
	"github.com/sightline-mesh/sightline/collector/otlp"
	"github.com/sightline-mesh/sightline/collector/signal"
)

// redBatch adds up RED rows by key: the duration and the sizes of one label set come
// as points of three metrics.
type redBatch struct {
	rows []clickhouse.REDRow
	at   map[clickhouse.REDKey]int // index in rows
}

func newREDBatch() *redBatch { return &redBatch{at: map[clickhouse.REDKey]int{}} }

// row is the row of a key. It is valid until the next call.
func (b *redBatch) row(k clickhouse.REDKey) *clickhouse.REDRow {
	i, ok := b.at[k]
	if !ok {
		i = len(b.rows)
		b.at[k] = i
		b.rows = append(b.rows, clickhouse.REDRow{REDKey: k, Buckets: map[int16]uint64{}})
	}
	return &b.rows[i]
}

// addAll adds rows to those of the same keys.
func (b *redBatch) addAll(rows []clickhouse.REDRow) {
	for i := range rows {
		from := &rows[i]
		r := b.row(from.REDKey)
		r.Requests += from.Requests
		r.Failed += from.Failed
		r.DurationSum += from.DurationSum
		r.BytesIn += from.BytesIn
		r.BytesOut += from.BytesOut
		r.Opened += from.Opened
		for bucket, n := range from.Buckets {
			r.Buckets[bucket] += n
		}
	}
}

// addRED takes the points of one metric of a sidecar's.
func (b *redBatch) addRED(o origin, m pmetric.Metric, c clock, dropped drops) {
	switch m.Type() {
	case pmetric.MetricTypeExponentialHistogram:
		for _, p := range m.ExponentialHistogram().DataPoints().All() {
			if k := redKey(o, p.Attributes(), p.Timestamp()); c.keeps(k.Time) {
				addDurations(b.row(k), p)
			} else {
				dropped[outOfTime]++
			}
		}
	case pmetric.MetricTypeSum:
		for _, p := range m.Sum().DataPoints().All() {
			if k := redKey(o, p.Attributes(), p.Timestamp()); c.keeps(k.Time) {
				addSum(b.row(k), m.Name(), p)
			} else {
				dropped[outOfTime]++
			}
		}
	default: // sidecars send nothing else in this scope
		dropped[emptyMetric] += otlp.Points(m)
	}
}

// redKey tells whose row a point is. The reporter stands at one end of the hop and
// names the other.
func redKey(o origin, attrs pcommon.Map, end pcommon.Timestamp) clickhouse.REDKey {
	var (
		self    = o.inMesh()
		peer    = attributeText(attrs, signal.KeyPeer)
		version = attributeText(attrs, signal.KeyPeerVer)
		k       = clickhouse.REDKey{
			Time:       second(end),
			Reporter:   attributeText(attrs, signal.KeyReporter),
			Route:      attributeText(attrs, signal.KeyRoute),
			Method:     attributeText(attrs, signal.KeyMethod),
			Status:     uint16(attributeInt(attrs, signal.KeyStatus, 0)),
			GRPCStatus: int16(attributeInt(attrs, signal.KeyGRPCStatus, -1)),
			Flags:      attributeText(attrs, signal.KeyFlags),
			Protocol:   attributeText(attrs, signal.KeyProtocol),
		}
	)
	if v, ok := attrs.Get(signal.KeyMTLS); ok {
		k.MTLS = v.Bool()
	}
	if k.Reporter == signal.Destination {
		k.Source, k.SourceVersion = peer, version
		k.Destination, k.DestinationVersion, k.Instance = self.Service, self.Version, self.Instance
		return k
	}
	k.Source, k.SourceVersion = self.Service, self.Version
	k.Destination, k.DestinationVersion = peer, version
	k.Instance = attributeText(attrs, signal.KeyPeerInst)
	return k
}

func addDurations(r *clickhouse.REDRow, p pmetric.ExponentialHistogramDataPoint) {
	r.Requests += p.Count()
	if signal.FailedHop(r.Protocol, int(r.Status), int(r.GRPCStatus), r.Flags) {
		r.Failed += p.Count()
	}
	r.DurationSum += p.Sum()
	if n := p.ZeroCount(); n > 0 {
		r.Buckets[signal.BucketOf(0)] += n
	}
	offset := p.Positive().Offset()
	for i, n := range p.Positive().BucketCounts().All() {
		if n > 0 {
			r.Buckets[rescale(int64(offset)+int64(i), p.Scale())] += n
		}
	}
}

// rescale is the bucket at signal.DurationScale that holds bucket i of another scale;
// of a coarser one, the middle of the buckets that make it up.
func rescale(i int64, scale int32) int16 {
	if scale >= signal.DurationScale {
		i >>= min(scale-signal.DurationScale, 63)
	} else {
		shift := min(signal.DurationScale-scale, 15)
		i = i<<shift + 1<<(shift-1)
	}
	const lowest, highest = -1 << 10, 1 << 10 // 2^±128 ms: nothing real lies beyond
	return int16(min(max(i, lowest), highest))
}

func addSum(r *clickhouse.REDRow, name string, p pmetric.NumberDataPoint) {
	n := p.IntValue()
	if p.ValueType() == pmetric.NumberDataPointValueTypeDouble {
		n = int64(p.DoubleValue())
	}
	switch name {
	case signal.RequestBodySize:
		r.BytesIn += uint64(max(n, 0))
	case signal.ResponseBodySize:
		r.BytesOut += uint64(max(n, 0))
	case signal.StreamsOpened:
		r.Opened += uint64(max(n, 0))
	}
}
