package config

import (
	"encoding/base64"
	"slices"
	"strings"
)

// virtualServiceFields are the fields of a VirtualService that the mesh acts on,
// below their parents.
var virtualServiceFields = fieldSet(map[string]string{
	"":                  "hosts gateways exportTo http tcp tls", // gateways: only "mesh", see virtualServiceAccepts
	"http":              "name match route redirect directResponse rewrite timeout retries fault mirror mirrorPercent mirrorPercentage mirrors corsPolicy headers delegate",
	"http.match":        "name uri scheme method authority headers withoutHeaders queryParams port sourceLabels sourceNamespace gateways ignoreUriCase",
	"http.route":        "destination weight headers",
	"http.redirect":     "uri authority port derivePort scheme redirectCode prefixRewrite",
	"http.rewrite":      "uri authority uriRegexRewrite",
	"http.retries":      "attempts perTryTimeout retryOn retryIgnorePreviousHosts retryRemoteLocalities backoff",
	"http.corsPolicy":   "allowOrigin allowOrigins allowMethods allowHeaders exposeHeaders maxAge allowCredentials unmatchedPreflights",
	"http.fault":        "delay abort",
	"http.fault.delay":  "percent fixedDelay percentage",
	"http.fault.abort":  "httpStatus grpcStatus percentage",
	"http.mirrors":      "destination percentage",
	"http.delegate":     "name namespace",
	"tcp":               "match route",
	"tcp.match":         "port sourceLabels sourceNamespace gateways",
	"tcp.route":         "destination weight",
	"tls":               "match route",
	"tls.match":         "sniHosts port sourceLabels sourceNamespace gateways",
	"tls.route":         "destination weight",
	"http.match.uri":    "exact prefix regex",
	"http.match.scheme": "exact prefix regex",
	"http.match.method": "exact prefix regex",

	"http.match.authority":          "exact prefix regex",
	"http.match.headers":            "exact prefix regex",
	"http.match.withoutHeaders":     "exact prefix regex",
	"http.match.queryParams":        "exact prefix regex",
	"http.corsPolicy.allowOrigins":  "exact prefix regex",
	"http.rewrite.uriRegexRewrite":  "match rewrite",
	"http.directResponse":           "status body",
	"http.directResponse.body":      "string bytes",
	"http.headers":                  "request response",
	"http.headers.request":          "set add remove",
	"http.headers.response":         "set add remove",
	"http.route.headers":            "request response",
	"http.route.headers.request":    "set add remove",
	"http.route.headers.response":   "set add remove",
	"http.route.destination":        "host subset port",
	"http.route.destination.port":   "number",
	"http.mirror":                   "host subset port",
	"http.mirror.port":              "number",
	"http.mirrors.destination":      "host subset port",
	"tcp.route.destination":         "host subset port",
	"tcp.route.destination.port":    "number",
	"tls.route.destination":         "host subset port",
	"tls.route.destination.port":    "number",
	"http.mirrorPercentage":         "value",
	"http.mirrors.percentage":       "value",
	"http.mirrors.destination.port": "number",
	"http.fault.delay.percentage":   "value",
	"http.fault.abort.percentage":   "value",
})

func fieldSet(below map[string]string) map[string]bool {
	set := map[string]bool{}
	for parent, names := range below {
		for name := range strings.FieldsSeq(names) {
			set[strings.TrimPrefix(parent+"."+name, ".")] = true
		}
	}
	return set
}

// virtualServiceSupports reports whether the mesh acts on a field of a VirtualService.
func virtualServiceSupports(rule string) bool { return virtualServiceFields[rule] }

// virtualServiceAccepts says what is wrong with a value of a supported field.
func virtualServiceAccepts(rule string, value any) string {
	switch rule {
	case "gateways", "http.match.gateways", "tcp.match.gateways", "tls.match.gateways":
		if !slices.Equal(words(value), []string{"mesh"}) {
			return show(value) + ` is not supported: the mesh routes between services and has no gateways; want mesh alone, or leave it out`
		}
	case "exportTo":
		return exportAccepts(value)
	case "http.route", "tcp.route", "tls.route":
		return loneZero(value)
	case "http.directResponse.body.bytes":
		text, _ := value.(string)
		if _, err := base64.StdEncoding.DecodeString(text); err != nil {
			return show(value) + " is not base64: " + err.Error()
		}
	}
	return ""
}

// loneZero refuses the one weight that Istio's types cannot tell from none: 0 on a
// single destination, where no weight at all means everything.
func loneZero(value any) string {
	routes, _ := value.([]any)
	if len(routes) != 1 {
		return ""
	}
	only, _ := routes[0].(map[string]any)
	if w, ok := only["weight"].(int); ok && w == 0 {
		return "the weights sum to 0, so no request could be sent; give a weight above 0 or leave it out"
	}
	return ""
}

func words(value any) []string {
	var out []string
	items, _ := value.([]any)
	for _, item := range items {
		if s, ok := item.(string); ok {
			out = append(out, s)
		}
	}
	return out
}
