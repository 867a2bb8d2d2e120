package emit

import "github.com/sightline-mesh/sightline/collector/signal"

// text is a piece of a recordBuffer's text. Offsets instead of strings keep the
// buffered records free of pointers, so that the garbage collector never scans them.
type text struct {
	off uint32
	len uint16
}

// row is a Record whose strings live in the recordBuffer that holds it.
type row struct {
	start, took, firstByte int64 // ns; start since 1970
	trace                  Trace
	parent                 SpanID
	configVersion          uint64
	bytesIn, bytesOut      uint64
	tries                  uint32 // index of the first
	triesLen               uint16
	status, grpc           int16
	direction              Direction
	mtls, bad              bool

	requestID, method, path, authority, userAgent text
	protocol, flags, reason, generatedBy, route   text
	choice, passedOver, closedBy                  text
	peerService, peerVersion                      text
	peerInstance, peerIdentity                    text
}

type tryRow struct {
	start, took      int64 // ns
	status           int16
	instance, reason text
}

// How much of a text is kept; what a request can make long is cut.
const (
	maxText  = 256
	maxPath  = 1024
	maxTries = 16
)

// recordBuffer holds copies of up to capacity records. It grows to what a drain
// interval needs and is then used again without allocating.
type recordBuffer struct {
	rows     []row
	tries    []tryRow
	text     []byte
	spans    int // the rows' spans, those of tries included
	capacity int
}

func newRecordBuffer(capacity int) *recordBuffer { return &recordBuffer{capacity: capacity} }

// add copies r, or reports false if the buffer is full.
func (b *recordBuffer) add(r *Record) bool {
	if len(b.rows) >= b.capacity {
		return false
	}
	b.rows = append(b.rows, row{
		start: r.Start.UnixNano(), took: int64(r.Took), firstByte: int64(r.FirstByte),
		trace: r.Trace, parent: r.ParentID, configVersion: r.ConfigVersion,
		bytesIn: r.BytesIn, bytesOut: r.BytesOut,
		status: int16(r.Status), grpc: int16(r.GRPCStatus),
		direction: r.Direction, mtls: r.MTLS,
		bad:   signal.FailedHop(r.Protocol, r.Status, r.GRPCStatus, r.Flags),
		tries: uint32(len(b.tries)),
	})
	w := &b.rows[len(b.rows)-1]
	w.requestID = b.keep(r.RequestID, maxText)
	w.method = b.keep(r.Method, maxText)
	w.path = b.keep(r.Path, maxPath)
	w.authority = b.keep(r.Authority, maxText)
	w.userAgent = b.keep(r.UserAgent, maxText)
	w.protocol = b.keep(r.Protocol, maxText)
	w.flags = b.keep(r.Flags, maxText)
	w.reason = b.keep(r.Reason, maxText)
	w.choice, w.passedOver = b.keep(r.Choice, maxText), b.keep(r.PassedOver, maxText)
	w.generatedBy = b.keep(r.GeneratedBy, maxText)
	w.closedBy = b.keep(r.ClosedBy, maxText)
	w.route = b.keep(r.Route, maxText)
	w.peerService = b.keep(r.Peer.Service, maxText)
	w.peerVersion = b.keep(r.Peer.Version, maxText)
	w.peerInstance = b.keep(r.Peer.Instance, maxText)
	w.peerIdentity = b.keep(r.Peer.Identity, maxText)
	for _, t := range r.Tries[:min(len(r.Tries), maxTries)] {
		b.tries = append(b.tries, tryRow{
			start: int64(t.Start), took: int64(t.Took), status: int16(t.Status),
			instance: b.keep(t.Instance, maxText), reason: b.keep(t.Reason, maxText),
		})
		w.triesLen++
	}
	b.spans += spansOf(r)
	return true
}

// keep copies at most limit bytes of s.
func (b *recordBuffer) keep(s string, limit int) text {
	if len(s) > limit {
		s = s[:limit]
	}
	t := text{off: uint32(len(b.text)), len: uint16(len(s))}
	b.text = append(b.text, s...)
	return t
}

func (b *recordBuffer) get(t text) []byte { return b.text[t.off : t.off+uint32(t.len)] }

func (b *recordBuffer) triesOf(w *row) []tryRow {
	return b.tries[w.tries : w.tries+uint32(w.triesLen)]
}

// reset empties b. Memory that a burst needed is given back once the buffer has been
// filled to less than an eighth of it.
func (b *recordBuffer) reset() {
	if len(b.rows) < cap(b.rows)/8 && cap(b.rows) > 64 {
		b.rows, b.tries, b.text = nil, nil, nil
	}
	b.rows, b.tries, b.text, b.spans = b.rows[:0], b.tries[:0], b.text[:0], 0
}

// spansOf is how many spans r becomes: none if its trace is not sampled, else one, and
// one more for each try if there was more than one.
func spansOf(r *Record) int {
	switch n := min(len(r.Tries), maxTries); {
	case !r.Trace.Sampled:
		return 0
	case n > 1:
		return 1 + n
	default:
		return 1
	}
}
