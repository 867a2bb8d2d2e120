package emit

import "time"

// Direction is which way a request crossed the sidecar.
type Direction uint8

// The two directions: from the app into the mesh, and from the mesh to the app.
const (
	Outbound Direction = iota
	Inbound
)

// Record is all that is told of one request. It belongs to the caller, who may reuse
// it as soon as Emit returns; its strings may alias the caller's buffers.
type Record struct {
	Direction Direction
	Start     time.Time
	Took      time.Duration // until the last byte of the response, or the failure
	FirstByte time.Duration // until the response head came from upstream; 0 if none did
	Waited    time.Duration // of all tries, for a connection or a stream: queued, connecting, shaking hands; 0 if one was there
	Received  time.Duration // until the request had come to its end; 0 if it was there at once, or never was

	Trace    Trace  // of the span made here
	ParentID SpanID // zero for a root
	Kept     bool   // its span is told of though the trace is not sampled
	Unlogged bool   // it gets no row in the access log
	Untold   bool   // its spans are not told of, whatever else is said
	Tags     []byte // more attributes of its span, encoded; see SpanRule

	RequestID, Method, Path, Authority, UserAgent string
	Protocol                                      string // "http/1.1", "h2", "grpc"
	Status                                        int    // 0 if none was sent
	GRPCStatus                                    int    // -1 if there is none
	Flags                                         string // Envoy's letters, comma separated
	Reason                                        string // in words, empty when all was well
	GeneratedBy                                   string // who made the status: "app", "proxy", "peer"
	Route                                         string
	ConfigVersion                                 uint64
	Peer                                          Peer
	MTLS                                          bool
	Port                                          uint16 // of the callee's app; 0 is not known
	BytesIn, BytesOut                             uint64
	Tries                                         []Try  // outbound only
	ClosedBy                                      string // of a stream: "client" or "server"; empty if neither
	Choice                                        string // why this instance, where that is not the rule: "probe", "panic: …"
	PassedOver                                    string // which instances were not asked, and why; the first few
}

// Peer is the workload at the other end of a hop, as its certificate or its
// instance says.
type Peer struct{ Service, Version, Instance, Identity string }

// Try is one attempt at sending a request.
type Try struct {
	Instance string
	Start    time.Duration // since the record's Start
	Took     time.Duration
	Status   int
	Reason   string
	Lost     bool // to another try's answer, and given up: that is no error
}

// TraceID is W3C trace context's identifier of a trace.
type TraceID [16]byte

// SpanID is W3C trace context's identifier of a span.
type SpanID [8]byte

// Trace is the position of a span in its trace.
type Trace struct {
	ID      TraceID
	Span    SpanID
	Sampled bool
}

// Sink takes records. It must not block: what does not fit is dropped and counted.
type Sink interface {
	// Emit takes that of a request or a stream that has ended.
	Emit(r *Record)
	// Open takes that of a stream that goes on, as far as it is filled in by now: once
	// for each stream, before Emit.
	Open(r *Record)
}
