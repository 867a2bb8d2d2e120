package emit

import (
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/collector/signal"
)

// The buckets a series keeps, as indexes at signal.DurationScale: from a microsecond
// to 18 minutes. What is longer counts in the last.
const (
	lowestBucket  = -80
	highestBucket = 160
)

// labels is what RED rows are kept apart by. The workload's own service, version and
// instance are the resource of every row. The caller's instance is left out on
// purpose: it would multiply the rows of a callee by all instances of its callers.
type labels struct {
	direction                              Direction
	mtls                                   bool
	status, grpc                           int16
	peerService, peerVersion, peerInstance string
	route, method, flags, protocol         string
}

func labelsOf(r *Record) labels {
	method := knownMethod(r.Method)
	if r.Protocol == signal.TCP && r.Method == "" {
		method = "" // a stream has none
	}
	l := labels{
		direction: r.Direction, mtls: r.MTLS,
		status: int16(r.Status), grpc: int16(r.GRPCStatus),
		peerService: r.Peer.Service, peerVersion: r.Peer.Version,
		route: r.Route, method: method, flags: r.Flags, protocol: r.Protocol,
	}
	if r.Direction == Outbound {
		l.peerInstance = r.Peer.Instance
	}
	return l
}

// overflow is the row that l's requests go to when there is no room for l: who
// reported it and whether it went well stay right, the rest is signal.Overflow.
func (l labels) overflow() labels {
	status := l.status / 100 * 100
	switch {
	case signal.FailedHop(l.protocol, int(l.status), int(l.grpc), l.flags):
		status = 500
	case status == 0: // a stream that went well has none
		status = 200
	}
	return labels{
		direction: l.direction, mtls: l.mtls, status: status, grpc: -1,
		peerService: signal.Overflow, peerVersion: signal.Overflow, peerInstance: signal.Overflow,
		route: signal.Overflow, method: signal.Overflow, flags: signal.Overflow, protocol: signal.Overflow,
	}
}

// own is l with strings of its own, since a record's may alias a connection's buffer.
func (l labels) own() labels {
	for _, s := range []*string{
		&l.peerService, &l.peerVersion, &l.peerInstance,
		&l.route, &l.method, &l.flags, &l.protocol,
	} {
		*s = strings.Clone(*s)
	}
	return l
}

// knownMethod keeps callers from making label sets out of invented methods.
func knownMethod(m string) string {
	switch m {
	case "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "CONNECT", "TRACE", "QUERY":
		return m
	}
	return "_OTHER"
}

// series is what one label set saw since the last drain.
type series struct {
	count              uint64
	sum, slowest       float64 // ms
	bytesIn, bytesOut  uint64
	buckets            [highestBucket - lowestBucket + 1]uint32
	exemplar           Trace // of the slowest sampled request
	exemplarMS         float64
	exemplarAt, seenAt int64 // ns since 1970
}

func (s *series) observe(r *Record) {
	ms := float64(r.Took) / float64(time.Millisecond)
	i := int(signal.BucketOf(ms))
	s.buckets[min(max(i, lowestBucket), highestBucket)-lowestBucket]++
	s.count++
	s.sum += ms
	s.slowest = max(s.slowest, ms)
	s.bytesIn += r.BytesIn
	s.bytesOut += r.BytesOut
	s.seenAt = r.Start.UnixNano()
	if r.Trace.Sampled && ms >= s.exemplarMS {
		s.exemplar, s.exemplarMS, s.exemplarAt = r.Trace, ms, s.seenAt
	}
}

// redWindow is the RED rows of one interval. Two take turns: one counts while the
// other is encoded, so neither waits for the other.
type redWindow struct {
	start    time.Time
	series   map[labels]*series
	capacity int
}

func newRedWindow(capacity int) *redWindow {
	return &redWindow{series: map[labels]*series{}, capacity: capacity}
}

func (w *redWindow) observe(r *Record) {
	l := labelsOf(r)
	s := w.series[l]
	if s == nil {
		if len(w.series) >= w.capacity {
			l = l.overflow()
			s = w.series[l]
		}
		if s == nil {
			s = &series{}
			w.series[l.own()] = s
		}
	}
	s.observe(r)
}

// reset starts every count afresh and forgets label sets not seen since idle ago.
func (w *redWindow) reset(idle time.Duration) {
	old := time.Now().Add(-idle).UnixNano()
	for l, s := range w.series {
		if s.seenAt < old {
			delete(w.series, l)
			continue
		}
		if s.count > 0 {
			*s = series{seenAt: s.seenAt}
		}
	}
}
