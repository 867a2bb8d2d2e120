package clickhouse

import (
	"time"

	"github.com/prometheus/prometheus/model/histogram"
)

// TraceID is a trace's identifier as OTLP carries it; zero is none.
type TraceID [16]byte

// SpanID is a span's identifier as OTLP carries it; zero is none.
type SpanID [8]byte

// Workload is who a row is about: the service beside which it was made. Service is
// spelled as the mesh spells it ("orders", "orders.production").
type Workload struct{ Service, Namespace, Version, Instance string }

// Hop is what a sidecar knows of a request beyond OpenTelemetry's attributes. It is
// zero in rows of applications, but for the parts that have common names.
type Hop struct {
	Peer, PeerVersion, PeerInstance, PeerIdentity string
	Route, Method, Path                           string
	Status                                        uint16 // HTTP; 0 is none
	GRPCStatus                                    int16  // -1 is none
	Flags, Reason, GeneratedBy                    string
	Attempts                                      uint16
	Protocol                                      string
	MTLS                                          bool
	ConfigVersion                                 uint64
	RequestID                                     string
}

// Attributes are what has no column of its own, by type of value.
type Attributes struct {
	Strings  Pairs[string]
	Numbers  Pairs[float64]
	Bools    Pairs[bool]
	Resource Pairs[string]
}

// SpanRow is one row of the table spans. Times are kept to the nanosecond.
type SpanRow struct {
	TraceID          TraceID
	SpanID, ParentID SpanID
	TraceState, Name string
	Kind             string // as in signal.Span, or "unspecified"
	Workload
	Mesh          bool   // made by a sidecar
	Scope         string // name of the instrumentation
	Start         time.Time
	Duration      time.Duration
	Status        string // "unset", "ok" or "error"
	StatusMessage string
	Failed        bool // counts as an error in RED
	// Weight is of how many spans this is the one that a sampler kept; 0 is 1.
	Weight float32
	Hop
	Attributes
	EventTimes      []time.Time // the three are of one length
	EventNames      []string
	EventAttributes []map[string]string
	LinkTraceIDs    []string // 16 raw bytes each
	LinkSpanIDs     []string // 8 raw bytes each
}

// LogRow is one row of the table logs.
type LogRow struct {
	Time    time.Time
	TraceID TraceID
	SpanID  SpanID
	Workload
	Access         bool // an access-log row of a sidecar
	Scope, Event   string
	Severity       string
	SeverityNumber uint8
	Body           string
	Reporter       string // signal.Source or signal.Destination
	Hop
	Authority, UserAgent    string
	Tries                   string // JSON
	DurationMS, FirstByteMS float64
	BytesIn, BytesOut       uint64
	Attributes
}

// REDRow is one row of the table red: what one key did in one second. Rows with the
// same key add up.
type REDRow struct {
	REDKey
	Requests, Failed  uint64
	DurationSum       float64 // ms
	Buckets           map[int16]uint64
	BytesIn, BytesOut uint64
	Opened            uint64 // streams; each is one of Requests once it has ended
}

// REDKey is what tells RED rows apart.
type REDKey struct {
	Time                            time.Time // whole second, UTC
	Reporter                        string    // signal.Source, signal.Destination or signal.AppSpan
	Source, SourceVersion           string
	Destination, DestinationVersion string
	Instance                        string // of the destination
	Route, Method                   string
	Status                          uint16
	GRPCStatus                      int16 // -1 is none
	Flags, Protocol                 string
	MTLS                            bool
}

// Sample is one value of one series: a number, or a native histogram where there is
// one. Labels do not hold the metric's name; they and the histogram are read only.
type Sample struct {
	Metric    string
	Labels    map[string]string
	Time      time.Time // kept to the millisecond
	Start     time.Time // since when a counter has been counting; zero is not known
	Value     float64
	Histogram *histogram.FloatHistogram
}

// Exemplar is one observation that a series counted, and what it was: Of names the
// trace, most often.
type Exemplar struct {
	Metric string
	Labels map[string]string // of the series
	Of     map[string]string
	Time   time.Time // kept to the millisecond
	Value  float64
}

// Metadata says what a metric is. Kind is Prometheus' word, such as "counter".
type Metadata struct {
	Metric, Kind, Unit, Help string
}
