// Package account keeps the books of the telemetry pipeline: how many spans, log
// records and metric points came in, and what became of each.
//
// Received counts what the collector answered for, that is, what it put into its
// queue; what it refused, so that the sender keeps it, is not received. What an
// earlier process left in the queue counts as received when it is found there, so that
// Received = Stored + Queued + Dropped always holds.
//
// Beside that it keeps what sidecars say they made, so that what never came is seen: see
// signal.Sent. What a process made before the collector started is no part of it, but for
// what the process still had to send; a process that starts anew is another.
package account

import (
	"maps"
	"sync"
	"time"

	"github.com/sightline-mesh/sightline/collector/signal"
)

// The signals' names, as OTLP's paths have them.
const (
	Traces  = "traces"
	Logs    = "logs"
	Metrics = "metrics"
)

// Ledger counts. It is safe for use by several goroutines.
type Ledger struct {
	mu       sync.Mutex
	accounts map[string]*entry
	trouble  string
	senders  senders
}

type entry struct {
	received, stored, refused uint64
	dropped                   counts

	refusedFor, rejected, overflow, truncated counts
}

// counts are numbers by why. Nil is none of any.
type counts map[string]uint64

func (c *counts) add(why string, n int) {
	if n <= 0 {
		return
	}
	if *c == nil {
		*c = counts{}
	}
	(*c)[why] += uint64(n)
}

// New is an empty ledger.
func New() *Ledger {
	l := &Ledger{
		accounts: map[string]*entry{},
		senders:  senders{known: map[string]*sender{}, settled: map[string]*signal.Sent{}},
	}
	for _, s := range []string{Traces, Logs, Metrics} {
		l.accounts[s] = &entry{dropped: counts{}}
	}
	return l
}

// Received counts n items that are about to be put into the queue. It comes before
// the putting, or they might be stored before they are received; Refused takes it back.
func (l *Ledger) Received(signal string, n int) {
	l.change(signal, func(e *entry) { e.received += uint64(n) })
}

// Refused takes back n items that the queue did not take. Their sender was told and
// keeps them.
func (l *Ledger) Refused(signal string, n int) {
	l.change(signal, func(e *entry) {
		e.received -= uint64(n)
		e.refused += uint64(n)
	})
}

// Trouble says why nothing more is received, empty once it is again.
func (l *Ledger) Trouble(why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.trouble = why
}

// Stored counts n items that the store acknowledged.
func (l *Ledger) Stored(signal string, n int) {
	l.change(signal, func(e *entry) { e.stored += uint64(n) })
}

// Dropped counts n received items that will never be stored, and why.
func (l *Ledger) Dropped(signal, reason string, n int) {
	l.change(signal, func(e *entry) { e.dropped.add(reason, n) })
}

// RefusedFor counts n items that were refused for a reason before they were received.
// Their sender was told and keeps them.
func (l *Ledger) RefusedFor(signal, reason string, n int) {
	l.change(signal, func(e *entry) {
		e.refused += uint64(n)
		e.refusedFor.add(reason, n)
	})
}

// Rejected counts n items that were never received, and whose sender was told never to
// send them again.
func (l *Ledger) Rejected(signal, reason string, n int) {
	l.change(signal, func(e *entry) { e.rejected.add(reason, n) })
}

// Overflow counts n received items that lost what tells them apart, as there are too
// many of a key.
func (l *Ledger) Overflow(signal, key string, n int) {
	l.change(signal, func(e *entry) { e.overflow.add(key, n) })
}

// Truncated counts n values of received items that were cut or left out.
func (l *Ledger) Truncated(signal, why string, n int) {
	l.change(signal, func(e *entry) { e.truncated.add(why, n) })
}

// Accounting is the books as they are now, one entry for each signal.
func (l *Ledger) Accounting() []signal.Pipeline {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := []signal.Pipeline{
		l.accounts[Traces].pipeline(Traces, "spans"),
		l.accounts[Logs].pipeline(Logs, "records"),
		l.accounts[Metrics].pipeline(Metrics, "points"),
	}
	now := time.Now()
	for i := range all {
		all[i].Trouble = l.trouble
		all[i].Sidecars = l.senders.sent(all[i].Signal, now)
	}
	return all
}

// RefusedItems is how many items of each signal senders were told to keep. One that is
// sent and refused twice counts twice.
func (l *Ledger) RefusedItems() map[string]uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make(map[string]uint64, len(l.accounts))
	for s, e := range l.accounts {
		out[s] = e.refused
	}
	return out
}

// change runs f on the account of a signal; one that is not kept is none of ours.
func (l *Ledger) change(signal string, f func(*entry)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.accounts[signal]; e != nil {
		f(e)
	}
}

func (e *entry) pipeline(name, unit string) signal.Pipeline {
	p := signal.Pipeline{
		Signal: name, Unit: unit,
		Received: e.received, Refused: e.refused, Stored: e.stored, Dropped: maps.Clone(e.dropped),
		RefusedFor: maps.Clone(e.refusedFor), Rejected: maps.Clone(e.rejected),
		Overflow: maps.Clone(e.overflow), Truncated: maps.Clone(e.truncated),
	}
	gone := e.stored
	for _, n := range e.dropped {
		gone += n
	}
	// A store that acknowledged a batch twice, because the queue was killed between
	// the acknowledgement and its own record of it, has stored what was not received.
	if gone > p.Received {
		p.Received = gone
	}
	p.Queued = p.Received - gone
	return p
}
