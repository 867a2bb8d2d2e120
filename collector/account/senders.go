package account

import (
	"maps"
	"slices"
	"time"

	"github.com/sightline-mesh/sightline/collector/signal"
)

const (
	// patience is how long a difference between what a sidecar said and what came may be
	// on the way.
	patience = time.Minute
	// givenUp is how long a sidecar's process may be silent until what it had not sent is
	// dropped: it was killed. Should it speak again after all, that counts anew.
	givenUp = 10 * time.Minute
	// mostSenders bounds the processes that are known, and namesTold those that are told.
	mostSenders = 10_000
	namesTold   = 10
)

// DroppedSilent is why that is dropped.
const DroppedSilent = "sidecar ended"

// senders are the sidecars' processes that have spoken.
type senders struct {
	known   map[string]*sender      // by process
	settled map[string]*signal.Sent // by signal: of processes that are known no more
}

type sender struct {
	instance string
	heard    time.Time
	signals  map[string]*sending
}

// sending is what a process says of a signal, and what came of it.
type sending struct {
	first, last signal.Told
	received    uint64    // since first was said
	missing     uint64    // of what it said was acknowledged
	since       time.Time // when something was first missing
}

// Stated notes what a sidecar says of itself in a request's header, before the request is
// counted. It returns the name of the process for Arrived, empty if nothing was said.
func (l *Ledger) Stated(header string) (process string) {
	if header == "" {
		return ""
	}
	s, err := signal.ParseStatement(header)
	if err != nil {
		return "" // not one of our sidecars, and its telemetry counts all the same
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	from := l.senders.known[s.Process]
	if from == nil {
		l.senders.makeRoom()
		from = &sender{signals: map[string]*sending{}}
		l.senders.known[s.Process] = from
	}
	from.instance, from.heard = s.Instance, time.Now()
	for name, told := range s.Signals {
		if l.accounts[name] != nil {
			from.tell(name, told)
		}
	}
	return s.Process
}

// Arrived counts n items that are among those which a process says it made.
func (l *Ledger) Arrived(process, signal string, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if from := l.senders.known[process]; from != nil && from.signals[signal] != nil {
		from.signals[signal].received += uint64(n)
	}
}

// tell takes what the process says of a signal. A process sends one request after the
// other, so that all it has an answer for has been counted.
func (f *sender) tell(name string, told signal.Told) {
	s := f.signals[name]
	if s == nil {
		s = &sending{first: told}
		f.signals[name] = s
	}
	if told.Made < s.last.Made || told.Acknowledged < s.last.Acknowledged {
		return // an older one that came late
	}
	s.last = told
	answered := told.Acknowledged - s.first.Acknowledged
	switch s.missing = answered - min(s.received, answered); {
	case s.missing == 0:
		s.since = time.Time{}
	case s.since.IsZero():
		s.since = f.heard
	}
}

// add adds what became of a process' items to that of others.
func (f *sender) add(to *signal.Sent, s *sending, now time.Time) {
	to.Processes++
	made := s.last.Made - s.first.Acknowledged - s.first.Lost() // what waited at first is to come
	to.Made += made
	to.Received += s.received
	gone := s.received
	for reason, n := range s.last.Dropped {
		if n -= min(s.first.Dropped[reason], n); n > 0 {
			to.Dropped[reason] += n
			gone += n
		}
	}
	if gone > made {
		to.Twice += gone - made
		return
	}
	open, silent := made-gone, now.Sub(f.heard)
	switch missing := min(s.missing, open); {
	case open == 0:
	case silent >= givenUp:
		to.Dropped[DroppedSilent] += open
	case silent >= patience:
		miss(to, f.instance, open)
	case missing > 0 && now.Sub(s.since) >= patience:
		miss(to, f.instance, missing)
		to.InFlight += open - missing
	default:
		to.InFlight += open
	}
}

// miss counts n items of an instance that are nowhere.
func miss(to *signal.Sent, instance string, n uint64) {
	to.Unaccounted += n
	if len(to.Missing) < namesTold && !slices.Contains(to.Missing, instance) {
		to.Missing = append(to.Missing, instance)
	}
}

// sent is what sidecars say of a signal, nil where none has.
func (s *senders) sent(name string, now time.Time) *signal.Sent {
	all := &signal.Sent{Dropped: map[string]uint64{}}
	if had := s.settled[name]; had != nil {
		*all = *had
		all.Dropped = maps.Clone(had.Dropped)
	}
	for _, process := range slices.Sorted(maps.Keys(s.known)) {
		if of := s.known[process].signals[name]; of != nil {
			s.known[process].add(all, of, now)
		}
	}
	if all.Processes == 0 {
		return nil
	}
	return all
}

// makeRoom settles the account of the process that has been silent for longest, if there
// is no room for another.
func (s *senders) makeRoom() {
	if len(s.known) < mostSenders {
		return
	}
	var oldest string
	for process, f := range s.known {
		if oldest == "" || f.heard.Before(s.known[oldest].heard) {
			oldest = process
		}
	}
	f := s.known[oldest]
	for name, of := range f.signals {
		if s.settled[name] == nil {
			s.settled[name] = &signal.Sent{Dropped: map[string]uint64{}}
		}
		f.add(s.settled[name], of, f.heard.Add(givenUp))
	}
	delete(s.known, oldest)
}
