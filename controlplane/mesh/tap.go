package mesh

import (
	"strconv"
	"strings"
	"time"
)

// Tap asks sidecars to tell of requests as they end. Empty fields ask for anything.
type Tap struct {
	ID     string `json:"id,omitempty"` // given by the control plane
	Target Target `json:"target"`       // whose sidecars
	// Direction is "inbound" or "outbound", as the sidecar sees it.
	Direction   string      `json:"direction,omitempty"`
	Peer        ServiceName `json:"peer,omitempty"` // at the other end
	PeerVersion Version     `json:"peerVersion,omitempty"`
	Method      string      `json:"method,omitempty"`
	Path        string      `json:"path,omitempty"` // what it begins with
	Authority   string      `json:"authority,omitempty"`
	Status      string      `json:"status,omitempty"` // "503" or "5xx"
	// PerSecond bounds the requests that are told of, over all sidecars; what is beyond
	// is counted. 0 is DefaultTapRate.
	PerSecond uint32 `json:"perSecond,omitempty"`
	Headers   bool   `json:"headers,omitempty"` // tell of header fields, without the secret ones' values
}

// DefaultTapRate and MaxTapRate are of Tap.PerSecond.
const (
	DefaultTapRate = 100
	MaxTapRate     = 1000
)

// The values of Tap.Direction and Tapped.Direction.
const (
	InboundTap  = "inbound"
	OutboundTap = "outbound"
)

// Asks reports whether the sidecar of an instance is asked.
func (t *Tap) Asks(i *Instance) bool {
	return (t.Target.Service == "" || t.Target.Service == i.Service) &&
		(t.Target.Version == "" || t.Target.Version == i.Version) &&
		(t.Target.Instance == "" || t.Target.Instance == i.ID)
}

// Fault says which field is wrong and what would be right, "" when none is.
func (t *Tap) Fault() string {
	switch {
	case t.Target.Service == "":
		return "target.service: must name a service"
	case t.Direction != "" && t.Direction != InboundTap && t.Direction != OutboundTap:
		return "direction: is " + strconv.Quote(t.Direction) + ", want inbound or outbound"
	case t.Status != "" && !isStatus(t.Status):
		return "status: is " + strconv.Quote(t.Status) + ", want a code such as 503 or a class such as 5xx"
	case t.Path != "" && t.Path[0] != '/':
		return "path: is " + strconv.Quote(t.Path) + ", want it to begin with /"
	case t.PerSecond > MaxTapRate:
		return "perSecond: is " + strconv.FormatUint(uint64(t.PerSecond), 10) + ", want at most " + strconv.Itoa(MaxTapRate)
	}
	return ""
}

func isStatus(s string) bool {
	if len(s) != 3 || s[0] < '0' || s[0] > '5' {
		return false
	}
	if s[1:] == "xx" { // 0xx: there was no answer
		return true
	}
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n >= 100
}

// TapsStatus reports whether a status is one that is asked for.
func (t *Tap) TapsStatus(status int) bool {
	if class, ok := strings.CutSuffix(t.Status, "xx"); ok {
		return strconv.Itoa(status/100) == class
	}
	return t.Status == "" || t.Status == strconv.Itoa(status)
}

// Tapped is one request as one sidecar saw it.
type Tapped struct {
	Taps      []string  `json:"-"` // ids of those that it is told to
	Time      time.Time `json:"time"`
	Service   string    `json:"service"` // the sidecar's own
	Version   string    `json:"version,omitempty"`
	Instance  string    `json:"instance"`
	Direction string    `json:"direction"`

	Peer         string `json:"peer,omitempty"`
	PeerVersion  string `json:"peerVersion,omitempty"`
	PeerInstance string `json:"peerInstance,omitempty"`
	PeerIdentity string `json:"peerIdentity,omitempty"`
	MTLS         bool   `json:"mtls"`

	Method     string `json:"method,omitempty"`
	Path       string `json:"path,omitempty"`
	Authority  string `json:"authority,omitempty"`
	Protocol   string `json:"protocol"`
	Route      string `json:"route,omitempty"`
	Status     int    `json:"status"`
	GRPCStatus int    `json:"grpcStatus"` // -1 if there is none
	Failed     bool   `json:"failed"`     // by the same rule as everywhere: see signal.FailedHop
	Flags      string `json:"flags,omitempty"`
	Reason     string `json:"reason,omitempty"`
	RequestID  string `json:"requestId,omitempty"`
	TraceID    string `json:"traceId,omitempty"`
	Tries      int    `json:"tries,omitempty"`

	Took      time.Duration `json:"took"`      // ns, to the last byte of the answer
	FirstByte time.Duration `json:"firstByte"` // ns, to the head of the answer; 0 if none came
	BytesIn   uint64        `json:"bytesIn"`
	BytesOut  uint64        `json:"bytesOut"`

	Request  []Header `json:"request,omitempty"`
	Response []Header `json:"response,omitempty"`
}

// How much is told of one request; what is longer is cut.
const (
	MaxTapText    = 256
	MaxTapPath    = 1024
	MaxTapFields  = 64
	MaxTapHeaders = 8 << 10 // bytes of names and values of one message
)

// Bound cuts what is longer than a sidecar tells: who has taken one over could fill the
// memory of whoever waits for a slow reader. It keeps nothing of what it cuts.
func (t *Tapped) Bound() {
	if y := t.Time.Year(); y < 0 || y > 9999 { // JSON has no such time
		t.Time = time.Time{}
	}
	for _, text := range []*string{
		&t.Service, &t.Version, &t.Instance, &t.Direction, &t.Peer, &t.PeerVersion, &t.PeerInstance, &t.PeerIdentity,
		&t.Method, &t.Authority, &t.Protocol, &t.Route, &t.Flags, &t.Reason, &t.RequestID, &t.TraceID,
	} {
		*text = cut(*text, MaxTapText)
	}
	t.Path = cut(t.Path, MaxTapPath)
	t.Request, t.Response = boundFields(t.Request), boundFields(t.Response)
}

func boundFields(fields []Header) []Header {
	left := MaxTapHeaders
	for i := range fields {
		h := &fields[i]
		h.Name, h.Value = cut(h.Name, MaxTapText), cut(h.Value, MaxTapPath)
		if left -= len(h.Name) + len(h.Value); left < 0 || i == MaxTapFields {
			kept := make([]Header, i)
			copy(kept, fields)
			return kept
		}
	}
	return fields
}

func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.Clone(s[:most])
}

// Header is one header field. A secret one's value is Redacted.
type Header struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Redacted stands in place of what is not told.
const Redacted = "REDACTED"

// TapBatch is what a sidecar tells at once.
type TapBatch struct {
	Requests []Tapped
	Limited  map[string]uint64 // by tap: beyond what it wants per second
	Dropped  uint64            // there was no room
}

// TapStatus says what of a tap was not told, since its beginning.
type TapStatus struct {
	Sidecars int    `json:"sidecars"`         // that are asked
	Limited  uint64 `json:"limited"`          // requests beyond what was wanted per second
	Dropped  uint64 `json:"dropped"`          // there was no room, in a sidecar or on the way here
	Silent   string `json:"silent,omitempty"` // control planes whose sidecars are not heard, as they do not answer
}

// TapLine is one line of a tap's stream; one of the two is set.
type TapLine struct {
	Request *Tapped    `json:"request,omitempty"`
	Status  *TapStatus `json:"status,omitempty"`
}
