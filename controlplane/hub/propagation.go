package hub

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

const (
	keptChanges  = 64 // the newest, for people to look at
	namedByOne   = 8  // services that a change names
	owedAtMost   = 64 // changes that no push to a sidecar has carried yet; more are not timed
	nanosPerSecs = float64(time.Second)
)

// Buckets are the upper bounds of the histogram of propagation, in seconds.
var Buckets = [...]float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30}

// Histogram is how long changes took until they were in force at a sidecar.
type Histogram struct {
	Count  uint64
	Sum    float64              // seconds
	Counts [len(Buckets)]uint64 // of each bucket alone; what is above the last is in Count only
}

// histogram counts without a lock.
type histogram struct {
	counts [len(Buckets) + 1]atomic.Uint64
	nanos  atomic.Int64
}

func (h *histogram) observe(d time.Duration) {
	at, _ := slices.BinarySearch(Buckets[:], d.Seconds())
	h.counts[at].Add(1)
	h.nanos.Add(int64(d))
}

func (h *histogram) read() (out Histogram) {
	for i := range h.counts {
		n := h.counts[i].Load()
		out.Count += n
		if i < len(Buckets) {
			out.Counts[i] = n
		}
	}
	out.Sum = float64(h.nanos.Load()) / nanosPerSecs
	return out
}

// changeLog follows the newest changes on their way to the sidecars.
type changeLog struct {
	took histogram

	mu   sync.Mutex // guards what follows, and every change
	kept []*change  // oldest first
}

// change is what one state changed, and who has it.
type change struct {
	version  uint64
	at       time.Time // of the commit of the first thing in it
	services []mesh.ServiceName
	policies []string
	owed     int
	took     []time.Duration // until it was in force, by sidecar
	refused  int
	left     int // sidecars that hung up first
}

// changeOf is what a state changed, policies too where they are new in it. Nobody is owed
// it yet.
func changeOf(s *State, policed bool) *change { //nolint:revive // a fact of the state, not a mode
	c := &change{version: s.Version, at: s.Built}
	if policed {
		c.policies, c.at = s.Policed, earlier(c.at, s.policedAt())
	}
	for name, at := range s.Changed {
		c.services = append(c.services, name)
		c.at = earlier(c.at, at)
	}
	slices.Sort(c.services)
	return c
}

// policedAt is when what is new of a state's policies was committed, as far as is known.
func (s *State) policedAt() time.Time { return earlier(s.Built, s.PolicedAt) }

// keep takes note of a change that so many sidecars are owed, unless it concerns none.
func (l *changeLog) keep(c *change, owed int) {
	if owed == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	c.owed = owed
	l.kept = append(l.kept[max(0, len(l.kept)-keptChanges+1):], c)
}

// debt is a change that a sidecar has not confirmed.
type debt struct {
	change *change
	at     time.Time // when what concerns the sidecar was committed
}

// debts are the changes that a sidecar is owed and no push has carried yet.
type debts struct {
	mu   sync.Mutex // guards list; taken last
	list []debt
}

func (d *debts) owe(c *change, at time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.list) >= owedAtMost {
		return false
	}
	d.list = append(d.list, debt{c, at})
	return true
}

// take is what a push of this version carries.
func (d *debts) take(version uint64) []debt {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for n < len(d.list) && d.list[n].change.version <= version {
		n++
	}
	taken := d.list[:n:n]
	d.list = d.list[n:]
	return taken
}

func (d *debts) oldest() (at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, o := range d.list {
		at = earlier(at, o.at)
	}
	return at
}

// earlier is the earlier of two times, of which the zero one counts for none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// forgive strikes out debts that turned out to be none: there was nothing to send.
func (l *changeLog) forgive(debts []debt) {
	if len(debts) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range debts {
		d.change.owed--
	}
}

// settle closes debts: the change was in force at the given time.
func (l *changeLog) settle(debts []debt, at time.Time) {
	if len(debts) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range debts {
		took := max(at.Sub(d.at), 0)
		l.took.observe(took)
		d.change.took = append(d.change.took, took)
	}
}

func (l *changeLog) refuse(debts []debt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range debts {
		d.change.refused++
	}
}

func (l *changeLog) abandon(debts []debt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range debts {
		d.change.left++
	}
}

// Propagation is how long changes took until they were in force, over all sidecars
// and changes since the hub was made.
func (h *Hub) Propagation() Histogram { return h.changes.took.read() }

// Changes are the newest changes, newest first, and how far each has come.
func (h *Hub) Changes() []mesh.ConfigChange {
	h.changes.mu.Lock()
	defer h.changes.mu.Unlock()
	out := make([]mesh.ConfigChange, 0, len(h.changes.kept))
	for _, c := range slices.Backward(h.changes.kept) {
		if c.owed == 0 { // by what it came to
			continue
		}
		out = append(out, c.status())
	}
	return out
}

func (c *change) status() mesh.ConfigChange {
	s := mesh.ConfigChange{
		Version: c.version, Committed: c.at, Services: c.services[:min(len(c.services), namedByOne)], Changed: len(c.services),
		Policies: c.policies[:min(len(c.policies), namedByOne)], PoliciesChanged: len(c.policies),
		Sidecars: c.owed, Applied: len(c.took), Refused: c.refused, Left: c.left,
	}
	if len(c.took) > 0 {
		took := slices.SortedFunc(slices.Values(c.took), cmp.Compare[time.Duration])
		s.P50, s.Last = mesh.Milliseconds(took[(len(took)-1)/2]), mesh.Milliseconds(took[len(took)-1])
	}
	return s
}
