package signal

// Scopes, metric names and event names of what sidecars emit.
const (
	ScopeProxy       = "sightline.dev/proxy" // spans and access logs
	ScopeRED         = "sightline.dev/red"   // per-second request metrics
	AccessLog        = "sightline.access"
	RequestDuration  = "sightline.request.duration" // exponential histogram, ms, DurationScale
	RequestBodySize  = "sightline.request.size"     // delta sum, By
	ResponseBodySize = "sightline.response.size"    // delta sum, By
	StreamsOpened    = "sightline.streams.opened"   // delta sum, {stream}; they count as requests when they end
	Outside          = "(outside)"                  // the peer that is not in the mesh
	Overflow         = "__other__"                  // the value of every key of the overflow row
)

// Attribute keys. Where OpenTelemetry's semantic conventions have a word it is used.
const (
	KeyService    = "service.name"        // resource: whom the sidecar stands beside
	KeyNamespace  = "service.namespace"   // resource
	KeyVersion    = "service.version"     // resource
	KeyInstance   = "service.instance.id" // resource
	KeyReporter   = "sightline.reporter"  // Source or Destination
	KeyPeer       = "sightline.peer.service"
	KeyPeerVer    = "sightline.peer.version"
	KeyPeerInst   = "sightline.peer.instance"
	KeyPeerID     = "sightline.peer.identity"
	KeyRoute      = "sightline.route"
	KeyFlags      = "sightline.flags"        // Envoy's letters, comma separated: "UF,URX"
	KeyReason     = "sightline.reason"       // x-sightline-reason, in words
	KeyGenerated  = "sightline.generated_by" // who made the status: "app", "proxy" or "peer"
	KeyChoice     = "sightline.choice"       // why this instance, where that is not the rule: "probe", "panic: …"
	KeyPassedOver = "sightline.passed_over"  // which instances were not asked, and why
	KeyAttempts   = "sightline.attempts"     // number of tries
	KeyTries      = "sightline.tries"        // JSON: [{"instance","ms","status","reason"}]
	KeyTry        = "sightline.try"          // of a try's own span: 1 for the first
	KeyMTLS       = "sightline.mtls"         // bool
	KeyConfig     = "sightline.config_version"
	KeyRequestID  = "sightline.request_id"
	KeyWaited     = "sightline.waited_ms"     // for a connection or a stream, over all tries; absent if one was there
	KeyReceived   = "sightline.received_ms"   // from the start until the request had come whole; absent if it was there at once
	KeyFirstByte  = "sightline.first_byte_ms" // from the start until the head of the answer came; absent if none did
	KeyDuration   = "sightline.duration_ms"
	KeyMethod     = "http.request.method"
	KeyPath       = "url.path"
	KeyAuthority  = "server.address"
	KeyPort       = "server.port" // of the callee's app
	KeyStatus     = "http.response.status_code"
	KeyGRPCStatus = "rpc.grpc.status_code"
	KeyProtocol   = "network.protocol.name" // "http/1.1", "h2", "grpc", "tcp"
	KeyClosedBy   = "sightline.closed_by"   // of a stream: "client" or "server"; absent if neither
	KeyBytesIn    = "http.request.body.size"
	KeyBytesOut   = "http.response.body.size"
	KeyUserAgent  = "user_agent.original"
	KeyOverflow   = "otel.metric.overflow"   // bool, of what is added up in the overflow row: OpenTelemetry's SDKs' word
	KeyEdge       = "sightline.edge"         // of an app's client span: Overflow where its edge is told as of that
	KeySpanName   = "sightline.span.name"    // of a span whose name is Overflow
	KeyOwnService = "sightline.service.name" // resource, whose service is Overflow
	KeyTypes      = "sightline.types"        // JSON, the store's own: the types of attributes that their columns do not tell
)

// TCP is the value of KeyProtocol for streams of bytes.
const TCP = "tcp"

// The two ends of a hop, as values of KeyReporter. AppSpan marks edges read from
// an application's own client spans towards a peer without a sidecar.
const (
	Source      = "source"
	Destination = "destination"
	AppSpan     = "app"
)

// TraceRequestID is the id that a sidecar gives a request that came without one: its trace's,
// of 32 hex digits, spelled as UUIDs are. So both ids find all of what the request caused,
// and the store needs to keep one of them.
func TraceRequestID(trace string) string {
	return trace[:8] + "-" + trace[8:12] + "-" + trace[12:16] + "-" + trace[16:20] + "-" + trace[20:]
}
