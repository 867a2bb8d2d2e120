package config

import "slices"

// virtualServiceSupports lists the fields of a VirtualService that the mesh acts on.
func virtualServiceSupports(rule string) bool {
	switch rule {
	case "hosts", "http", "gateways", // gateways: only "mesh", see virtualServiceAccepts
		"http.name", "http.match", "http.route", "http.timeout", "http.retries",
		"http.match.name", "http.match.uri", "http.match.method", "http.match.headers",
		"http.match.uri.exact", "http.match.uri.prefix", "http.match.uri.regex",
		"http.match.method.exact", "http.match.method.prefix", "http.match.method.regex",
		"http.match.headers.exact", "http.match.headers.prefix", "http.match.headers.regex",
		"http.route.destination", "http.route.weight",
		"http.route.destination.host", "http.route.destination.subset",
		"http.retries.attempts", "http.retries.perTryTimeout", "http.retries.retryOn":
		return true
	}
	return false
}

// virtualServiceAccepts says what is wrong with a value of a supported field.
func virtualServiceAccepts(rule string, value any) string {
	switch rule {
	case "gateways":
		if !slices.Equal(words(value), []string{"mesh"}) {
			return show(value) + `: only the gateway "mesh" is supported yet`
		}
	case "http.route":
		return loneZero(value)
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
