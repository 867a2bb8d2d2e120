package load

import (
	"maps"
	"time"

	"github.com/sightline-mesh/sightline/collector/signal"
)

// Report is the count of what the generator did.
type Report struct {
	Requests  uint64
	Failed    uint64            // 5xx, no answer, or a broken one
	Skipped   uint64            // due but not sent, because too many were under way
	ByFailure map[string]uint64 // "status 500", or the error's text
	// ByMesh counts answers that a sidecar made itself, by its reason: the mesh's own
	// failures, as opposed to an app's.
	ByMesh    map[string]uint64
	Durations signal.Histogram // ms, from when a request was due
	seconds   map[int64]uint64 // failed by unix second
}

// FailedBetween counts the failures of requests that were due in a half-open span.
func (r Report) FailedBetween(start, end time.Time) uint64 {
	var n uint64
	for s, failed := range r.seconds {
		if s >= start.Unix() && s < end.Unix() {
			n += failed
		}
	}
	return n
}

// Mesh is how many requests failed for a reason of the mesh's own.
func (r Report) Mesh() uint64 {
	var n uint64
	for _, c := range r.ByMesh {
		n += c
	}
	return n
}

type outcome struct {
	due     time.Time
	took    time.Duration
	status  int
	failure string // empty when all was well
	mesh    string // the reason a sidecar gave
}

func (r *Report) reset() {
	r.ByFailure, r.ByMesh, r.seconds = map[string]uint64{}, map[string]uint64{}, map[int64]uint64{}
}

func (r *Report) add(o outcome) {
	r.Requests++
	r.Durations.Observe(float64(o.took) / float64(time.Millisecond))
	if o.mesh != "" {
		r.ByMesh[o.mesh]++
	}
	if o.failure != "" {
		r.Failed++
		r.ByFailure[o.failure]++
		r.seconds[o.due.Unix()]++
	}
}

func (r *Report) clone() Report {
	c := *r
	c.ByFailure, c.ByMesh, c.seconds = maps.Clone(r.ByFailure), maps.Clone(r.ByMesh), maps.Clone(r.seconds)
	c.Durations.Buckets = maps.Clone(r.Durations.Buckets)
	return c
}
