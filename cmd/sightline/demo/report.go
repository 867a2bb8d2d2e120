package demo

import (
	"cmp"
	"slices"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Report is what `sightline demo --output json` prints.
type Report struct {
	Requests  uint64           `json:"requests"`
	Failed    uint64           `json:"failed"`
	Skipped   uint64           `json:"skipped"` // due, but not sent: too many were under way
	FailedBy  FailedBy         `json:"failed_by"`
	Services  int              `json:"services"`
	Proxies   int              `json:"proxies"`
	Edges     int              `json:"edges"`
	MTLSShare float64          `json:"mtls_share"`
	Spans     Flow             `json:"spans"`
	Logs      Flow             `json:"access_logs"`
	LatencyMS Latency          `json:"latency_ms"`
	Faults    []FaultReport    `json:"faults"`
	False     int              `json:"false_trips"`
	URL       string           `json:"url"`
	Memory    map[string]int64 `json:"memory_mb,omitempty"` // resident, by process
}

// FailedBy tells whose fault the failures were: an app's, or the mesh's own.
type FailedBy struct {
	App       uint64            `json:"app"`
	Mesh      uint64            `json:"mesh"`
	Reasons   map[string]uint64 `json:"reasons,omitempty"`
	Transport map[string]uint64 `json:"other,omitempty"`
}

// Flow is what became of one signal: every row that sidecars made is stored or
// counted as dropped.
type Flow struct {
	Sent    uint64 `json:"sent"`
	Stored  uint64 `json:"stored"`
	Dropped uint64 `json:"dropped"`
}

// Latency is of whole requests as the load saw them, in milliseconds.
type Latency struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
}

// FaultReport is what the mesh did about one fault. Times that did not come are empty.
type FaultReport struct {
	Kind           string  `json:"kind"`
	Target         string  `json:"target"`
	InjectedAt     stamp   `json:"injected_at"`
	EndedAt        stamp   `json:"ended_at"`
	DetectedAt     stamp   `json:"detected_at"`
	MitigatedAt    stamp   `json:"mitigated_at"`
	ReleasedAt     stamp   `json:"released_at"`
	MitigatedAfter float64 `json:"mitigated_after_s"` // seconds from injection; -1 if never
	ReleasedAfter  float64 `json:"released_after_s"`  // seconds from the fault's end; -1 if never
	FailedRequests uint64  `json:"failed_requests"`
}

// stamp is a time that is an empty string in JSON until it comes.
type stamp struct{ time.Time }

// MarshalJSON implements json.Marshaler.
func (s stamp) MarshalJSON() ([]byte, error) {
	if s.IsZero() {
		return []byte(`""`), nil
	}
	return s.UTC().AppendFormat(nil, `"2006-01-02T15:04:05.000Z"`), nil
}

// injection is one fault as it really happened.
type injection struct {
	fault    Fault
	injected time.Time
	ended    time.Time
}

// story reads from the mesh's events what it did about an injection.
func (i injection) story(events []mesh.Event) FaultReport {
	r := FaultReport{
		Kind: i.fault.Kind, Target: i.fault.Target.String(),
		InjectedAt: stamp{i.injected}, EndedAt: stamp{i.ended}, MitigatedAfter: -1, ReleasedAfter: -1,
	}
	for _, e := range oldestFirst(events) {
		if e.Target.Service != i.fault.Target.Service || e.Time.Before(i.injected) {
			continue
		}
		switch e.Kind {
		case mesh.EventAnomaly:
			r.DetectedAt.first(e.Time)
		case mesh.EventTripped:
			r.DetectedAt.first(e.Time)
			r.MitigatedAt.first(e.Time)
			r.ReleasedAt = stamp{}
		case mesh.EventReleased:
			r.ReleasedAt = stamp{e.Time}
		default:
		}
	}
	if !r.MitigatedAt.IsZero() {
		r.MitigatedAfter = r.MitigatedAt.Sub(i.injected).Seconds()
	}
	if !r.ReleasedAt.IsZero() {
		r.ReleasedAfter = r.ReleasedAt.Sub(i.ended).Seconds()
	}
	return r
}

// falseTrips counts the trips that no injection explains.
func falseTrips(events []mesh.Event, injections []injection) int {
	var n int
	for _, e := range events {
		if e.Kind != mesh.EventTripped {
			continue
		}
		explained := slices.ContainsFunc(injections, func(i injection) bool {
			return i.fault.covers(e.Target, e.Time, i.injected)
		})
		if !explained {
			n++
		}
	}
	return n
}

func oldestFirst(events []mesh.Event) []mesh.Event {
	return slices.SortedFunc(slices.Values(events), func(a, b mesh.Event) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.ID, b.ID))
	})
}

// first sets the stamp if it is not set yet.
func (s *stamp) first(at time.Time) {
	if s.IsZero() {
		s.Time = at
	}
}
