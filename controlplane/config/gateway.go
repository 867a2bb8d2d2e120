package config

import (
	"reflect"
	"slices"
	"strings"

	gateway "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// GatewayRoute is what an HTTPRoute or a GRPCRoute asks for, in the mesh's own terms
// and with the defaults of its specification.
type GatewayRoute struct {
	GRPC    bool
	Parents []GatewayParent
	Rules   []GatewayRule
}

// GatewayParent is a Service whose callers a route is for.
type GatewayParent struct {
	Service mesh.ServiceName
	Port    uint32 // 0 is any
	// Consumer is the namespace whose callers alone the route is for, as it is in that
	// and the Service is not; empty is the producer's own route, for all.
	Consumer string
}

// GatewayRule is one rule of a route.
type GatewayRule struct {
	Matches  []GatewayMatch // at least one
	Route    mesh.Route     // but for matches, destinations and mirrors
	Backends []GatewayBackend
	Mirrors  []GatewayBackend
}

// GatewayMatch is a match with its rank among all matches of a Service: where the first
// number that differs is higher, it is looked at first.
type GatewayMatch struct {
	mesh.Match
	Rank [5]int
}

// GatewayBackend is where a share of a rule's requests goes, or their copies.
type GatewayBackend struct {
	Path    string // in the manifest
	Wrong   string // the kind, where that is none the mesh sends to
	Service mesh.ServiceName
	Port    uint32
	Weight  uint32
	Percent float64 // of a mirror
	Headers *mesh.HeaderEdits
	Rewrite *mesh.Rewrite
}

// httpRouteKind reads Gateway API's HTTPRoute with a Service as its parent.
func httpRouteKind() kind {
	return kind{
		shape:    func() shape { return structShape(reflect.TypeFor[gateway.HTTPRouteSpec]()) },
		supports: func(rule string) bool { return httpRouteFields[rule] },
		refuses:  gatewayRefuses.of,
		accepts:  gatewayAccepts,
		fill: func(o *Object, spec map[string]any) error {
			var s gateway.HTTPRouteSpec
			if err := decodeInto(spec, &s); err != nil {
				return err
			}
			return readHTTPRoute(o, s)
		},
	}
}

// grpcRouteKind reads Gateway API's GRPCRoute with a Service as its parent.
func grpcRouteKind() kind {
	return kind{
		shape:    func() shape { return structShape(reflect.TypeFor[gateway.GRPCRouteSpec]()) },
		supports: func(rule string) bool { return grpcRouteFields[rule] },
		refuses:  gatewayRefuses.of,
		accepts:  gatewayAccepts,
		fill: func(o *Object, spec map[string]any) error {
			var s gateway.GRPCRouteSpec
			if err := decodeInto(spec, &s); err != nil {
				return err
			}
			return readGRPCRoute(o, s)
		},
	}
}

// commonRouteFields are those of both kinds. The hostnames of a mesh's route have no
// meaning (GEP-1294), so they are refused.
func commonRouteFields(own map[string]string) map[string]bool {
	headers := func(at string) {
		for _, modifier := range []string{"requestHeaderModifier", "responseHeaderModifier"} {
			own[at+"."+modifier] = "set add remove"
			own[at+"."+modifier+".set"], own[at+"."+modifier+".add"] = "name value", "name value"
		}
	}
	headers("rules.filters")
	headers("rules.backendRefs.filters")
	own[""] = "parentRefs rules"
	own["parentRefs"] = "group kind namespace name port"
	own["rules.filters.requestMirror"] = "backendRef percent fraction"
	own["rules.filters.requestMirror.backendRef"] = "group kind namespace name port"
	own["rules.filters.requestMirror.fraction"] = "numerator denominator"
	own["rules.backendRefs"] = "group kind namespace name port weight filters"
	own["rules.backendRefs.filters"] += " type requestHeaderModifier responseHeaderModifier"
	return fieldSet(own)
}

var httpRouteFields = commonRouteFields(map[string]string{
	"rules":                              "name matches filters backendRefs timeouts retry",
	"rules.matches":                      "path headers queryParams method",
	"rules.matches.path":                 "type value",
	"rules.matches.headers":              "type name value",
	"rules.matches.queryParams":          "type name value",
	"rules.filters":                      "type requestHeaderModifier responseHeaderModifier requestMirror requestRedirect urlRewrite cors",
	"rules.filters.requestRedirect":      "scheme hostname path port statusCode",
	"rules.filters.requestRedirect.path": "type replaceFullPath replacePrefixMatch",
	"rules.filters.urlRewrite":           "hostname path",
	"rules.filters.urlRewrite.path":      "type replaceFullPath replacePrefixMatch",
	"rules.filters.cors":                 "allowOrigins allowCredentials allowMethods allowHeaders exposeHeaders maxAge",
	"rules.timeouts":                     "request backendRequest",
	"rules.retry":                        "codes attempts backoff",

	"rules.backendRefs.filters":                 "urlRewrite",
	"rules.backendRefs.filters.urlRewrite":      "hostname path",
	"rules.backendRefs.filters.urlRewrite.path": "type replaceFullPath replacePrefixMatch",
})

var grpcRouteFields = commonRouteFields(map[string]string{
	"rules":                 "name matches filters backendRefs",
	"rules.matches":         "method headers",
	"rules.matches.method":  "type service method",
	"rules.matches.headers": "type name value",
	"rules.filters":         "type requestHeaderModifier responseHeaderModifier requestMirror",
})

// gatewayWords are the values that the specification enumerates, as far as the mesh
// has them.
var gatewayWords = map[string][]string{
	"rules.matches.path.type":                 {"Exact", "PathPrefix", "RegularExpression"},
	"rules.matches.headers.type":              {"Exact", "RegularExpression"},
	"rules.matches.queryParams.type":          {"Exact", "RegularExpression"},
	"rules.matches.method.type":               {"Exact", "RegularExpression"},
	"rules.filters.requestRedirect.scheme":    {"http", "https"},
	"rules.filters.requestRedirect.path.type": {"ReplaceFullPath", "ReplacePrefixMatch"},
	"rules.filters.urlRewrite.path.type":      {"ReplaceFullPath", "ReplacePrefixMatch"},
	"rules.filters.type": {
		"RequestHeaderModifier", "ResponseHeaderModifier", "RequestMirror", "RequestRedirect", "URLRewrite", "CORS",
	},
	"rules.backendRefs.filters.type":                 {"RequestHeaderModifier", "ResponseHeaderModifier", "URLRewrite"},
	"rules.backendRefs.filters.urlRewrite.path.type": {"ReplaceFullPath", "ReplacePrefixMatch"},
}

// elsewhere says of some filters why they are not where they stand.
var elsewhere = map[string]string{
	"rules.backendRefs.filters.type=RequestMirror":   " for one backend: copies are made before one is chosen; name it in the rule's own filters",
	"rules.backendRefs.filters.type=RequestRedirect": " for one backend: a rule redirects all of its requests or none",
	"rules.backendRefs.filters.type=CORS":            " for one backend: a preflight is answered before one is chosen; name it in the rule's own filters",
	"rules.filters.type=ExtensionRef":                ": the mesh has no filters of its own kinds",
	"rules.filters.type=ExternalAuth":                ": the mesh asks no external authorizer",
}

// gatewayMost is how many entries the specification allows.
var gatewayMost = map[string]int{
	"parentRefs": 32, "rules": 16, "rules.matches": 64, "rules.filters": 16, "rules.backendRefs": 16,
	"rules.matches.headers": 16, "rules.matches.queryParams": 16, "rules.backendRefs.filters": 16,
	"rules.filters.cors.allowOrigins": 64, "rules.filters.cors.allowMethods": 9, "rules.filters.cors.allowHeaders": 64,
	"rules.filters.cors.exposeHeaders": 64,
}

// gatewayAccepts says what is wrong with a value of a supported field.
func gatewayAccepts(rule string, value any) string {
	if items, ok := value.([]any); ok {
		if most := gatewayMost[rule]; most > 0 && len(items) > most {
			return "has more entries than Gateway API allows; divide the route"
		}
		return ""
	}
	words, known := gatewayWords[rule]
	word, _ := value.(string)
	if !known {
		return ""
	}
	if slices.Contains(words, word) {
		return ""
	}
	return show(value) + " is not supported" + elsewhere[rule+"="+word] + "; want " + strings.Join(words, ", ")
}
