package tail

// evidence is what is known of a trace, and what was done with it.
type evidence uint8

const (
	failed evidence = 1 << iota
	slow
	marked
	kept   // as worth it: it stays so
	judged // at least one of its spans
	out    // at least one of its spans was left out
	rooted // its span without a parent was seen
)

// worth reports whether a trace is kept whatever the budget.
func (e evidence) worth() bool { return e&(failed|slow|marked|kept) != 0 }

// entry is a trace. It is small, as there are many.
type entry struct {
	trace      TraceID
	start      int64 // of what is taken for its first request, ns; 0 is none
	seen       int64 // Unix seconds: when it was first heard of
	prev, next int32 // of its list
	weight     float32
	evidence   evidence
}

// none is no place.
const none = int32(-1)

// The lists of entries.
const (
	ordinary = iota
	worthy
	lists
)

// memory is entries in the order in which they came to the list that they are in.
type memory struct {
	at    map[TraceID]int32
	all   []entry
	free  int32 // list of free places, by next
	lists [lists]struct{ first, last int32 }
}

func newMemory() *memory {
	m := &memory{at: map[TraceID]int32{}, free: none}
	for i := range m.lists {
		m.lists[i].first, m.lists[i].last = none, none
	}
	return m
}

func (m *memory) len() int { return len(m.at) }

func (m *memory) find(trace TraceID) (int32, bool) {
	at, ok := m.at[trace]
	return at, ok
}

func (m *memory) add(trace TraceID, seen int64, e evidence) int32 {
	at := m.free
	if at == none {
		at = int32(len(m.all)) //nolint:gosec // Config bounds it
		m.all = append(m.all, entry{})
	} else {
		m.free = m.all[at].next
	}
	m.all[at] = entry{trace: trace, seen: seen, evidence: e, weight: 1}
	m.at[trace] = at
	m.link(at)
	return at
}

// change gives an entry other evidence, which may move it to the other list.
func (m *memory) change(at int32, e evidence) {
	if m.all[at].evidence.worth() == e.worth() {
		m.all[at].evidence = e
		return
	}
	m.unlink(at)
	m.all[at].evidence = e
	m.link(at)
}

func (m *memory) remove(at int32) {
	m.unlink(at)
	delete(m.at, m.all[at].trace)
	m.all[at] = entry{next: m.free}
	m.free = at
}

func (m *memory) of(at int32) int {
	if m.all[at].evidence.worth() {
		return worthy
	}
	return ordinary
}

func (m *memory) link(at int32) {
	list := &m.lists[m.of(at)]
	e := &m.all[at]
	e.prev, e.next = list.last, none
	if list.last == none {
		list.first = at
	} else {
		m.all[list.last].next = at
	}
	list.last = at
}

func (m *memory) unlink(at int32) {
	list := &m.lists[m.of(at)]
	e := &m.all[at]
	if e.prev == none {
		list.first = e.next
	} else {
		m.all[e.prev].next = e.next
	}
	if e.next == none {
		list.last = e.prev
	} else {
		m.all[e.next].prev = e.prev
	}
}
