package emit

import (
	"maps"
	"sync"
	"sync/atomic"
)

// The signals, as OTLP's paths name them.
const (
	traces = iota
	logs
	metrics
	signals
)

// Why telemetry was dropped, as keys of SignalStats.Dropped.
const (
	DroppedBufferFull = "buffer full"   // requests came faster than they could be encoded
	DroppedQueueFull  = "queue full"    // the collector was away for longer than Config.Retain allows
	DroppedRefused    = "refused"       // the collector does not want this batch, however often it is sent
	DroppedRejected   = "rejected"      // the collector took the batch, but not all of it
	DroppedShutdown   = "shutdown"      // not acknowledged within Config.Grace of the end
	DroppedLate       = "after the end" // emitted once Run had ended
)

// Stats is what became of everything emitted.
type Stats struct {
	Spans, Logs, Points SignalStats
	LabelSets           int    // RED rows that are being counted
	LabelOverflow       uint64 // requests that count in the overflow rows, for want of room for their label sets
	RetainedBytes       int    // compressed, waiting for the collector
}

// SignalStats is the account of one signal:
// Emitted = Acknowledged + Queued + all of Dropped.
type SignalStats struct {
	Emitted      uint64 // made from records
	Acknowledged uint64 // the collector has answered for
	Queued       uint64 // buffered, or waiting for an answer
	Dropped      map[string]uint64
}

// accounts counts per signal. Queued is what the other counts leave.
type accounts struct {
	emitted, acknowledged [signals]atomic.Uint64

	mu      sync.Mutex
	dropped [signals]map[string]uint64
}

// acknowledge counts n items that the collector answered for, of which it rejected
// some.
func (a *accounts) acknowledge(kind, n, rejected int) {
	rejected = min(rejected, n)
	a.acknowledged[kind].Add(uint64(n - rejected))
	a.drop(kind, rejected, DroppedRejected)
}

func (a *accounts) drop(kind, n int, reason string) {
	if n == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.dropped[kind] == nil {
		a.dropped[kind] = map[string]uint64{}
	}
	a.dropped[kind][reason] += uint64(n)
}

func (a *accounts) of(kind int) SignalStats {
	a.mu.Lock()
	dropped := maps.Clone(a.dropped[kind])
	a.mu.Unlock()
	s := SignalStats{Acknowledged: a.acknowledged[kind].Load(), Dropped: dropped}
	s.Emitted = a.emitted[kind].Load() // last, so that Queued cannot come out negative
	s.Queued = s.Emitted - s.Acknowledged
	for _, n := range dropped {
		s.Queued -= n
	}
	return s
}
