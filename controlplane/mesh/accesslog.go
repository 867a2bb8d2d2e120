package mesh

// AccessLogs say which access-log rows a sidecar writes; nil is all. Metrics are of
// every request in any case.
type AccessLogs struct {
	Outbound *AccessLog `json:"outbound,omitempty"`
	Inbound  *AccessLog `json:"inbound,omitempty"`
}

// AccessLog says which rows of one direction are written.
type AccessLog struct {
	Off  bool     `json:"off,omitempty"`  // none
	Only *LogTest `json:"only,omitempty"` // those that fit; nil is all
	// DropErrors drops also those of requests that failed, which are written otherwise
	// whatever else is said.
	DropErrors bool `json:"dropErrors,omitempty"`
}

// LogTest is a condition on a request that has ended. One that asks for what a request
// does not have fits neither way: nor does its opposite.
type LogTest struct {
	Op LogOp     `json:"op"`
	Of []LogTest `json:"of,omitempty"` // of LogAnd, LogOr and LogNot
	// Attribute is what the others look at: "response.code", "request.headers[x-user]".
	Attribute string    `json:"attribute,omitempty"`
	Text      string    `json:"text,omitempty"`
	Number    float64   `json:"number,omitempty"` // durations are in seconds
	Texts     []string  `json:"texts,omitempty"`  // of LogIn, one of both
	Numbers   []float64 `json:"numbers,omitempty"`
}

// LogOp is what a LogTest does.
type LogOp string

// The operations. Those in letters are on texts, LogTrue is on what is true or false.
const (
	LogAnd      LogOp = "and"
	LogOr       LogOp = "or"
	LogNot      LogOp = "not"
	LogHas      LogOp = "has"
	LogTrue     LogOp = "true"
	LogEqual    LogOp = "=="
	LogLess     LogOp = "<"
	LogAtMost   LogOp = "<="
	LogMore     LogOp = ">"
	LogAtLeast  LogOp = ">="
	LogIn       LogOp = "in"
	LogPrefix   LogOp = "startsWith"
	LogSuffix   LogOp = "endsWith"
	LogContains LogOp = "contains"
	LogMatches  LogOp = "matches" // RE2, anywhere
)

// LogSort is what an attribute is.
type LogSort uint8

// The sorts.
const (
	LogText LogSort = iota + 1
	LogNumber
	LogBool
)

// LogAttributes are what a LogTest may look at, but for "request.headers[name]", which
// are texts.
var LogAttributes = map[string]LogSort{
	"request.method": LogText, "request.path": LogText, "request.url_path": LogText, "request.host": LogText,
	"request.useragent": LogText, "request.id": LogText, "request.protocol": LogText,
	"request.size": LogNumber, "request.duration": LogNumber,
	"response.code": LogNumber, "response.grpc_status": LogNumber, "response.size": LogNumber,
	"connection.mtls": LogBool,
}
