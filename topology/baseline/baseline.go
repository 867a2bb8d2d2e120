// Package baseline remembers what share of a target's requests usually fails. It is
// a slow average that forgets with a time constant, weighted by requests, so that a
// busy minute counts for more than a quiet one. Whoever feeds it leaves out what is
// not usual.
package baseline

import (
	"math"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// A target is credited with these requests at first: what is not known is taken for
// a service with one failure in a hundred, and is known better with every request.
const (
	priorRequests = 200
	priorFailed   = 2
)

// Book holds the averages. Its methods are not safe for concurrent use.
type Book struct {
	forget  time.Duration
	targets map[mesh.Target]*average
}

type average struct {
	requests, failed float64
	at               time.Time
}

// New is an empty book that forgets with the given time constant.
func New(forget time.Duration) *Book {
	return &Book{forget: forget, targets: make(map[mesh.Target]*average)}
}

// Learn adds what a target did at a time. Times of one target do not go back; an
// earlier one counts as the latest.
func (b *Book) Learn(t mesh.Target, at time.Time, requests, failed uint64) {
	a, ok := b.targets[t]
	if !ok {
		a = &average{at: at}
		b.targets[t] = a
	}
	if past := at.Sub(a.at); past > 0 {
		keep := math.Exp(-past.Seconds() / b.forget.Seconds())
		a.requests *= keep
		a.failed *= keep
		a.at = at
	}
	a.requests += float64(requests)
	a.failed += float64(failed)
}

// Usual is the share of a target's requests that usually fails; 1 % for one that is
// not known.
func (b *Book) Usual(t mesh.Target) float64 {
	a, ok := b.targets[t]
	if !ok {
		a = &average{}
	}
	return (a.failed + priorFailed) / (a.requests + priorRequests)
}

// Drop forgets targets of which nothing was learned for several time constants.
func (b *Book) Drop(now time.Time) {
	const constants = 6 // after which a quarter of a percent is left
	for t, a := range b.targets {
		if now.Sub(a.at) > constants*b.forget {
			delete(b.targets, t)
		}
	}
}
