package mesh

import "time"

// Policy is how a sidecar treats the instances of a service. The zero value is
// the mesh's default for each field.
type Policy struct {
	LoadBalancer LoadBalancer `json:"loadBalancer,omitempty"`
	Hash         *Hash        `json:"hash,omitempty"` // with RingHash and Maglev
	Warmup       *Warmup      `json:"warmup,omitempty"`
	Locality     *LocalityLB  `json:"locality,omitempty"`
	Outlier      *Outlier     `json:"outlier,omitempty"`
	Limits       Limits       `json:"limits"`
	RetryBudget  *RetryBudget `json:"retryBudget,omitempty"`
	HealthCheck  *HealthCheck `json:"healthCheck,omitempty"`
	// MTLS is Disable, Mutual, Simple, Own, or "" for what each instance takes. A sidecar that does
	// not know it calls with mutual TLS. Simple and Own are for instances that take none of the
	// mesh's.
	MTLS MTLSMode   `json:"mtls,omitempty"`
	TLS  *ClientTLS `json:"tls,omitempty"` // with Simple and Own
}

// PortPolicy is the policy for requests to a port. As in Istio it takes the place of the
// service's as a whole: what it does not set is the mesh's default. The retry budget and
// the health check, which are no port's own, stay.
type PortPolicy struct {
	Port   uint16 `json:"port"`
	Policy Policy `json:"policy"`
}

// For is the policy for requests to a port of the group, of which p is the rest.
func (p Policy) For(group uint16, by []PortPolicy, s *Snapshot) Policy {
	for i := range by {
		if s.isPort(by[i].Port, group) {
			out := by[i].Policy
			out.RetryBudget, out.HealthCheck = p.RetryBudget, p.HealthCheck
			return out
		}
	}
	return p
}

// LoadBalancer names how one of several instances is chosen.
type LoadBalancer string

// The load balancers. The zero value is PeakEWMA.
const (
	PeakEWMA     LoadBalancer = "peak-ewma"
	RoundRobin   LoadBalancer = "round-robin"
	LeastRequest LoadBalancer = "least-request"
	Random       LoadBalancer = "random"
	RingHash     LoadBalancer = "ring-hash"
	Maglev       LoadBalancer = "maglev"
)

// Hash is what requests are told apart by, so that like ones go to the same instance.
// Exactly one of the first four is set. A request that lacks it goes anywhere.
type Hash struct {
	Header   string      `json:"header,omitempty"` // by lower-case name
	Query    string      `json:"query,omitempty"`  // a parameter of the query
	Cookie   *HashCookie `json:"cookie,omitempty"`
	SourceIP bool        `json:"sourceIP,omitempty"`
	// Size is the least number of a ring's points, or a Maglev table's entries. 0 is the
	// default.
	Size int `json:"size,omitempty"`
}

// HashCookie is a cookie that requests are told apart by.
type HashCookie struct {
	Name string `json:"name"`
	// Set makes the sidecar set the cookie where a request has none, for so long: 0 ends
	// with the browser's session.
	Set        bool              `json:"set,omitempty"`
	TTL        time.Duration     `json:"ttl,omitempty"`
	Path       string            `json:"path,omitempty"`
	Attributes []CookieAttribute `json:"attributes,omitempty"`
}

// CookieAttribute is one more attribute of a cookie that is set, such as SameSite=Lax.
type CookieAttribute struct {
	Name  string `json:"name"`
	Value string `json:"value,omitempty"`
}

// Warmup gives an instance that joins others its share step by step.
type Warmup struct {
	Duration   time.Duration `json:"duration"`
	MinPercent float64       `json:"minPercent"` // of its share, from the first
	Aggression float64       `json:"aggression"` // above 0; 1 is a straight line
}

// LocalityLB says which localities requests go to. A nil one prefers the sidecar's own
// and fails over to the nearest others, where a policy says how to tell that an
// instance is unwell.
type LocalityLB struct {
	Off bool `json:"off,omitempty"`
	// Distribute replaces the preference: the first that the sidecar is in holds.
	Distribute []Distribute `json:"distribute,omitempty"`
	// Failover names for a region the one that is nearest to it.
	Failover map[string]string `json:"failover,omitempty"`
	// FailoverPriority are labels, "key" or "key=value": the more of the first ones an
	// instance has in common with the sidecar, or has, the nearer it is.
	FailoverPriority []string `json:"failoverPriority,omitempty"`
}

// Distribute shares the requests from one place out over others. Places are
// "region/zone/subzone", in which "*" is any from there on.
type Distribute struct {
	From string            `json:"from"`
	To   map[string]uint32 `json:"to"` // percent; what is not named gets nothing
}

// Outlier is a DestinationRule's outlier detection: it takes the place of the breaker
// that each instance has of its own. A count of 0 turns its reason off.
type Outlier struct {
	ConsecutiveErrors  int           `json:"consecutiveErrors,omitempty"`  // 5xx, or no answer unless Split
	ConsecutiveGateway int           `json:"consecutiveGateway,omitempty"` // 502, 503, 504, or no answer unless Split
	ConsecutiveLocal   int           `json:"consecutiveLocal,omitempty"`   // no answer; with Split
	Split              bool          `json:"split,omitempty"`
	Interval           time.Duration `json:"interval,omitempty"`
	BaseEjection       time.Duration `json:"baseEjection,omitempty"`
	MaxEjectedPercent  int           `json:"maxEjectedPercent,omitempty"`
	MinHealthPercent   int           `json:"minHealthPercent,omitempty"` // below, health is ignored; 0 is never
	// ErrorCodes are the statuses that count as errors; none means every 5xx.
	ErrorCodes []int `json:"errorCodes,omitempty"`
}

// Limits bound what one sidecar keeps open towards one service. 0 is no limit.
type Limits struct {
	Connections    int           `json:"connections,omitempty"`
	Pending        int           `json:"pending,omitempty"`  // requests that wait for a connection
	Requests       int           `json:"requests,omitempty"` // in flight
	Retries        int           `json:"retries,omitempty"`  // in flight
	ConnectTimeout time.Duration `json:"connectTimeout,omitempty"`

	RequestsPerConnection int           `json:"requestsPerConnection,omitempty"`
	Streams               int           `json:"streams,omitempty"`       // at once, of one HTTP/2 connection
	IdleTimeout           time.Duration `json:"idleTimeout,omitempty"`   // of a connection without a request
	StreamIdle            time.Duration `json:"streamIdle,omitempty"`    // of a stream of bytes without any
	ConnectionAge         time.Duration `json:"connectionAge,omitempty"` // after which a connection takes no more
	Keepalive             *Keepalive    `json:"keepalive,omitempty"`
}

// Keepalive is how TCP finds out that a peer is gone. Zero fields are the system's.
type Keepalive struct {
	Probes   int           `json:"probes,omitempty"`
	Time     time.Duration `json:"time,omitempty"` // idle before the first probe
	Interval time.Duration `json:"interval,omitempty"`
}

// RetryBudget bounds the retries that are in flight at once to a share of the requests
// that are, or that were within Interval. It takes the place of Limits.Retries.
type RetryBudget struct {
	Percent    float64       `json:"percent"`
	MinRetries int           `json:"minRetries"` // that may be in flight whatever the share
	Interval   time.Duration `json:"interval,omitempty"`
}
