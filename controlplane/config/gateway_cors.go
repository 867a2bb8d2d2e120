package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	gateway "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// corsSeconds is how long a preflight holds where the filter does not say.
const corsSeconds = 5

// corsOf is a filter of type CORS. Preflights of origins that it does not name are
// answered too, without permitting anything.
func (r *gatewayReader) corsOf(f gateway.HTTPCORSFilter, at string) *mesh.CORS {
	out := &mesh.CORS{Credentials: or(f.AllowCredentials, false), MaxAge: corsSeconds * time.Second, Ignore: true}
	if f.MaxAge != 0 {
		out.MaxAge = time.Duration(f.MaxAge) * time.Second
	}
	if f.MaxAge < 0 {
		r.fault(at+".maxAge", "%d is below 0; want seconds", f.MaxAge)
	}
	for i, origin := range f.AllowOrigins {
		if m, ok := r.origin(string(origin), fmt.Sprintf("%s.allowOrigins[%d]", at, i)); ok {
			out.Origins = append(out.Origins, m)
		}
	}
	if len(f.AllowOrigins) == 0 {
		r.fault(at+".allowOrigins", "is missing, so no page may call; want origins such as https://shop.example, or *")
	}
	if slices.Contains(f.AllowOrigins, "*") && len(f.AllowOrigins) > 1 {
		r.fault(at+".allowOrigins", "has \"*\" beside others, which it makes needless; keep one")
	}
	out.Methods = corsWords(r, f.AllowMethods, at+".allowMethods", out.Credentials)
	out.Headers = corsWords(r, f.AllowHeaders, at+".allowHeaders", out.Credentials)
	out.Expose = corsWords(r, f.ExposeHeaders, at+".exposeHeaders", out.Credentials)
	return out
}

// corsWords are the names of methods or headers.
func corsWords[T ~string](r *gatewayReader, all []T, at string, credentials bool) []string {
	var out []string
	for i, word := range all {
		switch here := fmt.Sprintf("%s[%d]", at, i); {
		case !token(string(word)):
			r.fault(here, "%q is not a name; want that of a method or a header, or *", word)
		case word == "*" && len(all) > 1:
			r.fault(here, "\"*\" stands beside others, which it makes needless; keep one")
		case word == "*" && credentials:
			r.fault(here, "\"*\" means nothing to browsers beside allowCredentials; list the names")
		}
		out = append(out, string(word))
	}
	return out
}

var originForm = regexp.MustCompile(`^(https?)://([a-z0-9*.-]+)(:[0-9]{1,5})?$`)

// origin is one with a host in which "*" stands for one or more labels, or "*" alone.
// Browsers leave out the port that the scheme has anyway.
func (r *gatewayReader) origin(s, at string) (mesh.StringMatch, bool) {
	if s == "*" {
		return mesh.StringMatch{Exact: "*"}, true
	}
	parts := originForm.FindStringSubmatch(strings.ToLower(s))
	if parts == nil {
		r.fault(at, "%q is not an origin; want one such as https://shop.example, https://*.shop.example:8443 or *", s)
		return mesh.StringMatch{}, false
	}
	scheme, host, port := parts[1], parts[2], parts[3]
	if scheme == "http" && port == ":80" || scheme == "https" && port == ":443" {
		port = ""
	}
	if !strings.Contains(host, "*") {
		return mesh.StringMatch{Exact: scheme + "://" + host + port}, true
	}
	pattern := strings.ReplaceAll(regexp.QuoteMeta(host), `\*`, `[^/:]+`)
	return mesh.StringMatch{Regex: scheme + "://" + pattern + port}, true
}
