package emit

import (
	"slices"
	"strings"
	"sync"
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
	l := labels{
		direction: r.Direction, mtls: r.MTLS,
		status: int16(r.Status), grpc: int16(r.GRPCStatus),
		peerService: r.Peer.Service, peerVersion: r.Peer.Version,
		route: r.Route, method: methodLabel(r.Protocol, r.Method), flags: r.Flags, protocol: r.Protocol,
	}
	if r.Direction == Outbound {
		l.peerInstance = r.Peer.Instance
	}
	return l
}

// methodLabel is the method as a label; a stream has none.
func methodLabel(protocol, method string) string {
	if protocol == signal.TCP && method == "" {
		return ""
	}
	return knownMethod(method)
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
	labels             labels
	shared             bool // by label sets that have no room
	count              uint64
	sum, slowest       float64 // ms
	bytesIn, bytesOut  uint64
	opened             uint64 // streams, which count again when they end
	buckets            [highestBucket - lowestBucket + 1]uint32
	exemplar           Trace // of the slowest sampled request
	exemplarMS         float64
	exemplarAt, seenAt int64 // ns since 1970
}

func (s *series) observe(o *observed) {
	ms := milliseconds(o.took)
	i := int(signal.BucketOf(ms))
	s.buckets[min(max(i, lowestBucket), highestBucket)-lowestBucket]++
	s.count++
	s.sum += ms
	s.slowest = max(s.slowest, ms)
	s.bytesIn += o.bytesIn
	s.bytesOut += o.bytesOut
	s.seenAt = o.start
	if o.trace.Sampled && ms >= s.exemplarMS {
		s.exemplar, s.exemplarMS, s.exemplarAt = o.trace, ms, s.seenAt
	}
}

// used reports whether anything was counted since the last drain.
func (s *series) used() bool { return s.count > 0 || s.opened > 0 }

// again starts every count afresh.
func (s *series) again() {
	if s.used() {
		*s = series{labels: s.labels, shared: s.shared, seenAt: s.seenAt}
	}
}

// redWindow is the RED rows of one interval. The encoding goroutine counts in it; one of
// a request does so only where the ring has no room for its record.
type redWindow struct {
	capacity int

	mu         sync.Mutex // held to count one request, or to encode some rows
	start      time.Time
	series     map[labels]*series
	rows       []*series // those of the map
	generation uint64    // changes when rows go, or are told apart otherwise
	without    [2]MetricRule
	overflow   uint64 // requests that were counted in shared rows
}

func newRedWindow(capacity int) *redWindow {
	return &redWindow{start: time.Now(), series: map[labels]*series{}, capacity: capacity, generation: 1}
}

// count counts the request of w, whose shape is s.
func (w *redWindow) count(s *shape, c *chunk, r *row) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.generation != w.generation {
		s.counts, s.generation = w.of(c, r), w.generation
	}
	o := observed{r.shown(), r.start, r.took, r.bytesIn, r.bytesOut}
	w.observe(s.counts, &o)
}

// countRecord counts a request that has no row.
func (w *redWindow) countRecord(r *Record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	o := observed{r.Trace, r.Start.UnixNano(), int64(r.Took), r.BytesIn, r.BytesOut}
	w.observe(w.seriesOf(labelsOf(r)), &o)
}

// leave has rows do without what the rules say.
func (w *redWindow) leave(rules [2]MetricRule) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.without != rules {
		w.without = rules
		w.generation++
	}
}

// observe counts a request in s; w.mu is held.
func (w *redWindow) observe(s *series, o *observed) {
	o.bytesIn, o.bytesOut = w.without[s.labels.direction].sizes(s.labels.protocol, o.bytesIn, o.bytesOut)
	s.observe(o)
	if s.shared {
		w.overflow++
	}
}

// open counts a stream that has begun.
func (w *redWindow) open(r *Record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.seriesOf(labelsOf(r))
	s.opened++
	s.seenAt = r.Start.UnixNano()
}

// of finds the series of a row; w.mu is held.
func (w *redWindow) of(c *chunk, r *row) *series {
	t := split(c.sharedOf(r), &r.facts)
	l := Record{
		Direction: r.direction, MTLS: r.mtls, Status: int(r.status), GRPCStatus: int(r.grpc),
		Peer: Peer{
			Service: string(t[textPeerService]), Version: string(t[textPeerVersion]), Instance: string(t[textPeerInstance]),
		},
		Route: string(t[textRoute]), Method: string(t[textMethod]), Flags: string(t[textFlags]), Protocol: string(t[textProtocol]),
	}
	return w.seriesOf(labelsOf(&l))
}

// seriesOf is the series of l, less what rows do without; w.mu is held.
func (w *redWindow) seriesOf(l labels) *series {
	l = w.without[l.direction].labels(l)
	if s := w.series[l]; s != nil {
		return s
	}
	return w.add(l)
}

// add makes a series of l, which has none, or finds the one that l shares where there is
// no room; w.mu is held.
func (w *redWindow) add(l labels) *series {
	full := len(w.series) >= w.capacity
	if full {
		l = l.overflow()
		if s := w.series[l]; s != nil {
			return s
		}
	}
	s := &series{labels: l.own(), shared: full}
	w.series[s.labels] = s
	w.rows = append(w.rows, s)
	return s
}

// turn ends the interval at now, forgets label sets not seen since idle ago and returns
// when it began.
func (w *redWindow) turn(now time.Time, idle time.Duration) (began time.Time) {
	old := now.Add(-idle).UnixNano()
	w.mu.Lock()
	defer w.mu.Unlock()
	began, w.start = w.start, now
	w.rows = slices.DeleteFunc(w.rows, func(s *series) bool {
		if s.used() || s.seenAt >= old {
			return false
		}
		delete(w.series, s.labels)
		w.generation++
		return true
	})
	return began
}

// size is how many label sets there are, and how many requests had no room in one.
func (w *redWindow) size() (sets int, overflow uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.series), w.overflow
}
