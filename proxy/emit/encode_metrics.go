package emit

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/sightline-mesh/sightline/collector/signal"
)

// Fields and values of opentelemetry.proto.metrics.v1.
const (
	metricName       = 1
	metricUnit       = 3
	metricSum        = 7
	metricExpo       = 10
	dataPoints       = 1
	dataTemporality  = 2
	sumMonotonic     = 3
	temporalityDelta = 1

	pointStart    = 2 // of both kinds of point
	pointTime     = 3
	numberAsInt   = 6
	numberAttrs   = 7
	expoAttrs     = 1
	expoCount     = 4
	expoSum       = 5
	expoScale     = 6
	expoPositive  = 8
	expoExemplars = 11
	expoMax       = 13
	bucketOffset  = 1
	bucketCounts  = 2

	exemplarTime  = 2
	exemplarValue = 3
	exemplarSpan  = 4
	exemplarTrace = 5
)

// metrics appends an export request of rows for the interval in, and says how many points
// those are: 0 if there was no request.
func (e *encoder) metrics(b []byte, rows []*series, in interval) (body []byte, points int) {
	b, r := e.open(b, signal.ScopeRED)
	b, points = durations(b, rows, in)
	for _, m := range [...]sum{
		{signal.RequestBodySize, "By", func(s *series) uint64 { return s.bytesIn }},
		{signal.ResponseBodySize, "By", func(s *series) uint64 { return s.bytesOut }},
		{signal.StreamsOpened, "{stream}", func(s *series) uint64 { return s.opened }},
	} {
		var n int
		b, n = m.append(b, rows, in)
		points += n
	}
	return r.close(b), points
}

// interval is the time a point stands for, in ns since 1970.
type interval struct{ start, end uint64 }

func durations(b []byte, rows []*series, in interval) (out []byte, points int) {
	before := len(b)
	b, metric := begin(b, itemsField)
	b = appendBytes(b, metricName, signal.RequestDuration)
	b = appendBytes(b, metricUnit, "ms")
	b, data := begin(b, metricExpo)
	for _, s := range rows {
		if s.count == 0 {
			continue
		}
		b = histogramPoint(b, s, in)
		points++
	}
	if points == 0 {
		return b[:before], 0
	}
	b = appendVarint(b, dataTemporality, temporalityDelta)
	b = end(b, data)
	return end(b, metric), points
}

// sum is a metric with one number for each row.
type sum struct {
	name, unit string
	of         func(*series) uint64
}

// append appends the sum of each row. Rows that have none are left out.
func (m *sum) append(b []byte, rows []*series, in interval) (out []byte, points int) {
	before := len(b)
	b, metric := begin(b, itemsField)
	b = appendBytes(b, metricName, m.name)
	b = appendBytes(b, metricUnit, m.unit)
	b, data := begin(b, metricSum)
	for _, s := range rows {
		v := m.of(s)
		if v == 0 {
			continue
		}
		var point int
		b, point = begin(b, dataPoints)
		b = s.labels.append(b, numberAttrs)
		b = appendFixed64(b, pointStart, in.start)
		b = appendFixed64(b, pointTime, in.end)
		b = appendFixed64(b, numberAsInt, v)
		b = end(b, point)
		points++
	}
	if points == 0 {
		return b[:before], 0
	}
	b = appendVarint(b, dataTemporality, temporalityDelta)
	b = appendVarint(b, sumMonotonic, 1)
	b = end(b, data)
	return end(b, metric), points
}

func histogramPoint(b []byte, s *series, in interval) []byte {
	b, point := begin(b, dataPoints)
	b = s.labels.append(b, expoAttrs)
	b = appendFixed64(b, pointStart, in.start)
	b = appendFixed64(b, pointTime, in.end)
	b = appendFixed64(b, expoCount, s.count)
	b = appendDouble(b, expoSum, s.sum)
	b = appendVarint(b, expoScale, protowire.EncodeZigZag(signal.DurationScale))
	b = appendBuckets(b, s)
	if !s.exemplar.IsZero() {
		var exemplar int
		b, exemplar = begin(b, expoExemplars)
		b = appendFixed64(b, exemplarTime, uint64(s.exemplarAt))
		b = appendDouble(b, exemplarValue, s.exemplarMS)
		b = appendBytes(b, exemplarSpan, s.exemplar.Span[:])
		b = appendBytes(b, exemplarTrace, s.exemplar.ID[:])
		b = end(b, exemplar)
	}
	b = appendDouble(b, expoMax, s.slowest)
	return end(b, point)
}

// appendBuckets appends the buckets from the first that counted to the last.
func appendBuckets(b []byte, s *series) []byte {
	first, last := 0, len(s.buckets)-1
	for s.buckets[first] == 0 && first < last {
		first++
	}
	for s.buckets[last] == 0 && last > first {
		last--
	}
	b, positive := begin(b, expoPositive)
	b = appendVarint(b, bucketOffset, protowire.EncodeZigZag(int64(first+lowestBucket)))
	b, counts := begin(b, bucketCounts)
	for _, n := range s.buckets[first : last+1] {
		b = protowire.AppendVarint(b, uint64(n))
	}
	b = end(b, counts)
	return end(b, positive)
}

// append writes l as attributes in field f.
func (l *labels) append(b []byte, f protowire.Number) []byte {
	b = attrString(b, f, signal.KeyReporter, l.direction.reporter())
	b = attrString(b, f, signal.KeyPeer, l.peerService)
	b = attrString(b, f, signal.KeyPeerVer, l.peerVersion)
	b = attrString(b, f, signal.KeyPeerInst, l.peerInstance)
	b = attrString(b, f, signal.KeyRoute, l.route)
	b = attrString(b, f, signal.KeyMethod, l.method)
	b = attrString(b, f, signal.KeyFlags, l.flags)
	b = attrString(b, f, signal.KeyProtocol, l.protocol)
	b = attrBool(b, f, signal.KeyMTLS, l.mtls)
	b = attrInt(b, f, signal.KeyStatus, int64(l.status))
	if l.grpc >= 0 {
		b = attrInt(b, f, signal.KeyGRPCStatus, int64(l.grpc))
	}
	return b
}
