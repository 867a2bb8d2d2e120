package mesh

import "time"

// Inbound is everything a sidecar enforces on requests to its own app, and what else it
// is told for its own workload, whole: a newer one replaces it. The zero value allows
// everything and samples every trace.
type Inbound struct {
	// Version grows with every change to what one sidecar enforces. It is not dense.
	Version       uint64          `json:"version"`
	Authorization []Authorization `json:"authorization,omitempty"`
	Tokens        []TokenRule     `json:"tokens,omitempty"` // none takes no notice of tokens
	Rates         []RateRule      `json:"rates,omitempty"`
	InFlight      []InFlight      `json:"inFlight,omitempty"`
	Sampling      *Sampling       `json:"sampling,omitempty"` // of requests either way; nil is every trace
	// PathNormalization is the mesh's, of requests either way.
	PathNormalization PathNormalization `json:"pathNormalization,omitempty"`
	MTLS              MTLSMode          `json:"mtls,omitempty"`     // of connections that are taken; "" is Strict
	PortMTLS          []PortMTLS        `json:"portMtls,omitempty"` // of those to one port of the app
	Logs              *AccessLogs       `json:"logs,omitempty"`     // of requests either way
	Spans             *Spans            `json:"spans,omitempty"`
	Metrics           *Metrics          `json:"metrics,omitempty"`
	Onward            []Onward          `json:"onward,omitempty"` // of requests from the app
}

// PortMTLS is which connections one port of the app takes.
type PortMTLS struct {
	Port uint16   `json:"port"`
	Mode MTLSMode `json:"mode"`
}

// Authorization is an AuthorizationPolicy that selects the sidecar's workload.
type Authorization struct {
	Name   string              `json:"name"` // "shop/deny-admin"
	Action AuthorizationAction `json:"action"`
	DryRun bool                `json:"dryRun,omitempty"` // decided and told, not enforced
	Rules  []AuthorizationRule `json:"rules,omitempty"`  // any one; none fits no request
}

// AuthorizationAction is what follows when a policy fits a request.
type AuthorizationAction string

// The actions. Denials are looked at first; where any policy allows, what none
// allows is denied; an audit only tells.
const (
	Allow AuthorizationAction = "ALLOW"
	Deny  AuthorizationAction = "DENY"
	Audit AuthorizationAction = "AUDIT"
)

// AuthorizationRule fits a request when one source, one operation and all
// conditions do. An empty list asks for nothing.
type AuthorizationRule struct {
	From []Source    `json:"from,omitempty"`
	To   []Operation `json:"to,omitempty"`
	When []Condition `json:"when,omitempty"`
}

// Source fits a caller when each field that is set does: a list when one of its
// values fits, a Not list when none does. Values are exact, or "prefix*",
// "*suffix", or "*" for any that is not empty.
type Source struct {
	Principals           []string `json:"principals,omitempty"` // identities without "spiffe://"
	NotPrincipals        []string `json:"notPrincipals,omitempty"`
	RequestPrincipals    []string `json:"requestPrincipals,omitempty"` // "issuer/subject" of a token
	NotRequestPrincipals []string `json:"notRequestPrincipals,omitempty"`
	Namespaces           []string `json:"namespaces,omitempty"`
	NotNamespaces        []string `json:"notNamespaces,omitempty"`
	ServiceAccounts      []string `json:"serviceAccounts,omitempty"` // "namespace/account", exact
	NotServiceAccounts   []string `json:"notServiceAccounts,omitempty"`
	TrustDomains         []string `json:"trustDomains,omitempty"`
	NotTrustDomains      []string `json:"notTrustDomains,omitempty"`
	IPBlocks             []string `json:"ipBlocks,omitempty"` // addresses and CIDR prefixes
	NotIPBlocks          []string `json:"notIpBlocks,omitempty"`
	// RemoteIPBlocks are about the address that a request says it came from, the last of
	// its X-Forwarded-For, and that of its connection where it says none. A sidecar that
	// does not know them asks for nothing.
	RemoteIPBlocks    []string `json:"remoteIpBlocks,omitempty"`
	NotRemoteIPBlocks []string `json:"notRemoteIpBlocks,omitempty"`
}

// Operation fits a request as Source fits a caller.
type Operation struct {
	Hosts      []string `json:"hosts,omitempty"` // whatever their case
	NotHosts   []string `json:"notHosts,omitempty"`
	Ports      []string `json:"ports,omitempty"` // of the app; exact
	NotPorts   []string `json:"notPorts,omitempty"`
	Methods    []string `json:"methods,omitempty"`
	NotMethods []string `json:"notMethods,omitempty"`
	Paths      []string `json:"paths,omitempty"` // also templates: "/users/{*}/orders/{**}"
	NotPaths   []string `json:"notPaths,omitempty"`
}

// Condition fits a request when one of Values fits the attribute, if there are any,
// and none of NotValues does.
type Condition struct {
	Key       string   `json:"key"` // "request.headers[x-user]"
	Values    []string `json:"values,omitempty"`
	NotValues []string `json:"notValues,omitempty"`
}

// TokenRule says which tokens (JWT) a workload takes from one issuer, where it finds
// them, and what the app is told of them.
type TokenRule struct {
	Issuer    string   `json:"issuer"`
	Audiences []string `json:"audiences,omitempty"` // any one; none asks for none
	// One of the two: the keys themselves, as a JSON Web Key Set, or where they are.
	JWKS    string `json:"jwks,omitempty"`
	JWKSURI string `json:"jwksUri,omitempty"` // https

	// Without any of these, "Authorization: Bearer" and the parameter "access_token".
	FromHeaders []TokenHeader `json:"fromHeaders,omitempty"`
	FromParams  []string      `json:"fromParams,omitempty"`
	FromCookies []string      `json:"fromCookies,omitempty"`

	Forward       bool          `json:"forward,omitempty"` // the app gets the token itself
	PayloadHeader string        `json:"payloadHeader,omitempty"`
	ClaimHeaders  []ClaimHeader `json:"claimHeaders,omitempty"`
	// SpaceDelimited are claims, beside scope and permission, that are lists of words;
	// the parts of a path are joined with dots.
	SpaceDelimited []string `json:"spaceDelimited,omitempty"`
}

// TokenHeader is a field that a token is in, after the prefix.
type TokenHeader struct {
	Name   string `json:"name"` // lower-case
	Prefix string `json:"prefix,omitempty"`
}

// ClaimHeader is a field that tells the app a claim.
type ClaimHeader struct {
	Header string `json:"header"` // lower-case
	Claim  string `json:"claim"`  // the parts of a path are joined with dots
}

// RateRule bounds how often requests that fit may come to one instance. A request
// has to get past every rule that it fits.
type RateRule struct {
	Name     string            `json:"name"`  // "shop/vault rule 0"
	Match    AuthorizationRule `json:"match"` // nothing set fits every request
	Requests int               `json:"requests"`
	Unit     time.Duration     `json:"unit"`
	Burst    int               `json:"burst,omitempty"` // 0 is Requests
	// PerCaller gives each identity its own share, PerHeader each value of the field (in
	// lower case). Neither makes one for all.
	PerCaller bool   `json:"perCaller,omitempty"`
	PerHeader string `json:"perHeader,omitempty"`
}

// InFlight bounds what one instance has at once; 0 is no bound. Of several the lowest
// bounds hold, and the first Adaptive.
type InFlight struct {
	Name        string    `json:"name"` // "shop/vault"
	Requests    int       `json:"requests,omitempty"`
	PerCaller   int       `json:"perCaller,omitempty"`
	Connections int       `json:"connections,omitempty"` // of each caller
	Adaptive    *Adaptive `json:"adaptive,omitempty"`
}

// Adaptive bounds the requests that the app works on at once by how long they take:
// the lower the least latency is against the latency now, the lower is the limit. Every
// field but MinRTT.Fixed has a value. Shares are of [0, 1].
type Adaptive struct {
	Percentile  float64       `json:"percentile"` // of latencies, as a share
	MaxRequests int           `json:"maxRequests"`
	Interval    time.Duration `json:"interval"` // between two changes of the limit
	MinRTT      MinRTT        `json:"minRTT"`
}

// MinRTT is the latency without queueing, and how it is measured.
type MinRTT struct {
	Fixed       time.Duration `json:"fixed,omitempty"` // set, nothing is measured
	Interval    time.Duration `json:"interval"`        // between two measurements
	Requests    int           `json:"requests"`        // of one
	Concurrency int           `json:"concurrency"`     // the limit meanwhile, and the lowest at any time
	Jitter      float64       `json:"jitter"`          // of Interval, as a share
	Buffer      float64       `json:"buffer"`          // of the latency, as a share, that is taken for chance
}
