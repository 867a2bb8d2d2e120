package upstream

import (
	"fmt"
	"sync/atomic"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// maxPending is how many requests may wait for a connection where a policy bounds the
// connections and not those who wait.
const maxPending = 1024

// Quota bounds the connections to the instances under one policy, and the requests that
// wait for one. Its methods may be called from any goroutine.
type Quota struct {
	maxConnections, maxPending atomic.Int64 // 0 is none
	connections, pending       atomic.Int64
}

// Take asks for one more connection to an instance that has so many open. The first to
// an instance is always granted, as without any its requests would wait for ever. Give
// gives it back.
func (q *Quota) Take(open int) bool {
	limit := q.maxConnections.Load()
	if n := q.connections.Add(1); limit > 0 && n > limit && open > 0 {
		q.connections.Add(-1)
		return false
	}
	return true
}

// Give gives a connection back.
func (q *Quota) Give() { q.connections.Add(-1) }

// Wait counts a request that waits for a connection, unless too many do. Served ends that.
func (q *Quota) Wait() error {
	limit := q.maxPending.Load()
	if n := q.pending.Add(1); limit > 0 && n > limit {
		q.pending.Add(-1)
		return fmt.Errorf("all %d connections are in use and %d requests wait for one (maxConnections, http1MaxPendingRequests)",
			q.maxConnections.Load(), limit)
	}
	return nil
}

// Served ends the wait of a request.
func (q *Quota) Served() { q.pending.Add(-1) }

func (q *Quota) set(l mesh.Limits) {
	q.maxConnections.Store(int64(l.Connections))
	if l.Connections > 0 && l.Pending == 0 {
		l.Pending = maxPending
	}
	q.maxPending.Store(int64(l.Pending))
}
