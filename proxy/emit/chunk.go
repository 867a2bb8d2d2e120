package emit

import "github.com/sightline-mesh/sightline/collector/signal"

// The texts of a row, in the order in which they lie in its chunk. Those that many
// requests have alike come first: they are compared, and encoded, as one.
const (
	textProtocol = iota
	textMethod
	textAuthority
	textRoute
	textPeerService
	textPeerVersion
	textPeerInstance
	textPeerIdentity
	textFlags
	textReason
	textGeneratedBy
	textChoice
	textPassedOver
	textClosedBy
	sharedTexts

	textRequestID = iota - 1
	textUserAgent
	textPath
	textTags // encoded
	texts
)

// How much of a text is kept; what a request can make long is cut.
const (
	maxText  = 256
	maxPath  = 1024
	maxTries = 16
)

// The size of a chunk: few enough records that to encode them disturbs nobody, and room
// for their texts beside the largest record there can be.
const (
	chunkRows  = 64
	chunkText  = 32 << 10
	chunkTries = 96
	mostText   = (texts-2)*maxText + maxPath + maxTags + maxTries*2*maxText
)

// facts is what rows may have alike beside their shared texts.
type facts struct {
	configVersion uint64
	status, grpc  int16
	triesLen      uint16
	port          uint16 // of the callee's app
	direction     Direction
	mtls, bad     bool
	kept          bool                // of a trace that is not sampled
	lens          [sharedTexts]uint16 // of the shared texts
}

// row is a Record whose texts live in the chunk that holds it.
type row struct {
	facts

	start, took, firstByte int64 // ns; start since 1970
	waited, received       int64 // ns
	trace                  Trace
	parent                 SpanID
	bytesIn, bytesOut      uint64
	text                   uint32                      // offset of the first
	shared                 uint32                      // bytes of the shared texts
	tries                  uint16                      // index of the first
	own                    [texts - sharedTexts]uint16 // lengths of the other texts
	unlogged, untold       bool
}

type tryRow struct {
	start, took            int64 // ns
	status                 int16
	instanceLen, reasonLen uint16
	lost                   bool
	text                   uint32 // offset of both
}

// chunk holds copies of some records, in memory of fixed size and without pointers: it
// is used again without allocating, and the garbage collector never scans it.
type chunk struct {
	rowsLen, triesLen, textLen int

	rows  [chunkRows]row
	tries [chunkTries]tryRow
	text  [chunkText]byte
}

// full reports whether the next record may find no room.
func (c *chunk) full() bool {
	return c.rowsLen == chunkRows || c.triesLen > chunkTries-maxTries || c.textLen > chunkText-mostText
}

// add copies r into c, which is not full.
func (c *chunk) add(r *Record) {
	w := &c.rows[c.rowsLen]
	c.rowsLen++
	w.start, w.took, w.firstByte = r.Start.UnixNano(), int64(r.Took), int64(r.FirstByte)
	w.waited, w.received = int64(r.Waited), int64(r.Received)
	w.trace, w.parent = r.Trace, r.ParentID
	w.bytesIn, w.bytesOut = r.BytesIn, r.BytesOut
	w.configVersion, w.status, w.grpc = r.ConfigVersion, int16(r.Status), int16(r.GRPCStatus)
	w.direction, w.mtls, w.kept = r.Direction, r.MTLS, r.Kept && !r.Trace.Sampled
	w.port = r.Port
	w.bad = signal.FailedHop(r.Protocol, r.Status, r.GRPCStatus, r.Flags)
	w.unlogged, w.untold = r.Unlogged, r.Untold
	w.text = uint32(c.textLen)
	for i, s := range [sharedTexts]string{
		textProtocol: r.Protocol, textMethod: r.Method, textAuthority: r.Authority, textRoute: r.Route,
		textPeerService: r.Peer.Service, textPeerVersion: r.Peer.Version,
		textPeerInstance: r.Peer.Instance, textPeerIdentity: r.Peer.Identity,
		textFlags: r.Flags, textReason: r.Reason, textGeneratedBy: r.GeneratedBy,
		textChoice: r.Choice, textPassedOver: r.PassedOver, textClosedBy: r.ClosedBy,
	} {
		w.lens[i] = c.keep(s, maxText)
	}
	w.shared = uint32(c.textLen) - w.text
	w.own = [...]uint16{c.keep(r.RequestID, maxText), c.keep(r.UserAgent, maxText), c.keep(r.Path, maxPath), keep(c, r.Tags, maxTags)}
	w.tries, w.triesLen = uint16(c.triesLen), 0
	for i := range r.Tries[:min(len(r.Tries), maxTries)] {
		c.addTry(&r.Tries[i])
		w.triesLen++
	}
}

func (c *chunk) addTry(t *Try) {
	w := &c.tries[c.triesLen]
	c.triesLen++
	w.start, w.took, w.status, w.text, w.lost = int64(t.Start), int64(t.Took), int16(t.Status), uint32(c.textLen), t.Lost
	w.instanceLen, w.reasonLen = c.keep(t.Instance, maxText), c.keep(t.Reason, maxText)
}

func (c *chunk) keep(s string, limit int) uint16 { return keep(c, s, limit) }

// keep copies at most limit bytes of s behind what is there and says how many.
func keep[T string | []byte](c *chunk, s T, limit int) uint16 {
	n := copy(c.text[c.textLen:], s[:min(len(s), limit)])
	c.textLen += n
	return uint16(n)
}

// reset empties c.
func (c *chunk) reset() { c.rowsLen, c.triesLen, c.textLen = 0, 0, 0 }

// sharedOf is all shared texts of w, one behind the other.
func (c *chunk) sharedOf(w *row) []byte { return c.text[w.text : w.text+w.shared] }

// ownOf is one of w's other texts.
func (c *chunk) ownOf(w *row, which int) []byte {
	at := w.text + w.shared
	for _, n := range w.own[:which-sharedTexts] {
		at += uint32(n)
	}
	return c.text[at : at+uint32(w.own[which-sharedTexts])]
}

func (c *chunk) triesOf(w *row) []tryRow { return c.tries[w.tries : w.tries+w.triesLen] }

func (c *chunk) instanceOf(t *tryRow) []byte { return c.text[t.text : t.text+uint32(t.instanceLen)] }

func (c *chunk) reasonOf(t *tryRow) []byte {
	at := t.text + uint32(t.instanceLen)
	return c.text[at : at+uint32(t.reasonLen)]
}

// shown is the trace of w if its span is there to be looked at.
func (w *row) shown() Trace {
	if w.untold {
		return Trace{}
	}
	return w.trace
}

// spans is how many spans w becomes; see spansOf.
func (w *row) spans() int {
	return spanCount((w.trace.Sampled || w.kept) && !w.untold, int(w.triesLen))
}

// spansOf is how many spans r becomes: none if its trace is not sampled and it is not kept, or
// they are not told of, else one, and one more for each try if there was more than one.
func spansOf(r *Record) int {
	return spanCount((r.Trace.Sampled || r.Kept) && !r.Untold, min(len(r.Tries), maxTries))
}

func spanCount(told bool, tries int) int {
	switch {
	case !told:
		return 0
	case tries > 1:
		return 1 + tries
	default:
		return 1
	}
}

// observed is what RED rows count of a request.
type observed struct {
	trace             Trace
	start, took       int64 // ns
	bytesIn, bytesOut uint64
}
