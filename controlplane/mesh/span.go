package mesh

import "strings"

// Spans say what a sidecar tells of the spans it makes, beside what it tells of every
// one; nil is nothing. They never change which context is passed on.
type Spans struct {
	Outbound *SpanRule `json:"outbound,omitempty"`
	Inbound  *SpanRule `json:"inbound,omitempty"`
}

// SpanRule is about the spans of one direction.
type SpanRule struct {
	Off  bool      `json:"off,omitempty"` // they are not told of
	Tags []SpanTag `json:"tags,omitempty"`
}

// SpanTag is an attribute that spans get. One without a value is left out.
type SpanTag struct {
	Name string `json:"name"`
	// One of both: the value, or the header of the request that has it, by lower-case
	// name, with what stands for one that is not there.
	Literal string `json:"literal,omitempty"`
	Header  string `json:"header,omitempty"`
	Default string `json:"default,omitempty"`
}

// How many SpanTags a SpanRule has at most, and how long their names and values may be, in
// bytes. What a header has beyond that is cut off.
const (
	MaxSpanTags     = 16
	MaxSpanTagName  = 64
	MaxSpanTagValue = 128
)

// ownSpanKeys are attributes that every span of a sidecar may have, beside those that
// begin with "sightline." and "service.".
var ownSpanKeys = map[string]bool{
	"http.request.method": true, "url.path": true, "server.address": true, "http.response.status_code": true,
	"rpc.grpc.status_code": true, "network.protocol.name": true, "http.request.body.size": true,
	"http.response.body.size": true, "user_agent.original": true,
}

// OwnSpanKey reports whether a name is the mesh's own among the attributes of spans.
func OwnSpanKey(name string) bool {
	return ownSpanKeys[name] || strings.HasPrefix(name, "sightline.") || strings.HasPrefix(name, "service.")
}
