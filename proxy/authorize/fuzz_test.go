package authorize

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// FuzzTemplate holds the matcher of templates against the regular expression that
// they stand for.
func FuzzTemplate(f *testing.F) {
	f.Add("/foo/{*}/bar/{**}", "/foo/a/bar/b/c")
	f.Add("/a/{**}/z", "/a/z")
	f.Add("/{*}/{*}", "//")
	f.Fuzz(func(t *testing.T, template, path string) {
		if template == "" {
			return
		}
		p, err := parseTemplate(template)
		if err != nil {
			return
		}
		if !utf8.ValidString(template) || !utf8.ValidString(path) {
			return // regular expressions are about runes
		}
		pattern := regexp.QuoteMeta(template)
		pattern = strings.ReplaceAll(pattern, regexp.QuoteMeta("{**}"), `[\s\S]*`)
		pattern = strings.ReplaceAll(pattern, regexp.QuoteMeta("{*}"), `[^/]+`)
		want := regexp.MustCompile(`\A` + pattern + `\z`)
		if got := p.fits(path); got != want.MatchString(path) {
			t.Errorf("%q fits %q: %v", template, path, got)
		}
	})
}

// FuzzPolicy looks for policies that panic, and for requests that a policy both
// allows and denies.
func FuzzPolicy(f *testing.F) {
	f.Add("cluster.local/ns/shop/*", "/a/{*}", "request.headers[x]", "y*", "spiffe://mesh.local/ns/shop/sa/web", "/a/b", "10.0.0.0/8")
	f.Add("*", "*", "request.auth.claims[a][b]", "*", "", "", "::1")
	f.Fuzz(func(t *testing.T, principal, path, key, value, identity, asked, block string) {
		rule := mesh.AuthorizationRule{
			From: []mesh.Source{{Principals: []string{principal}}, {NotIPBlocks: []string{block}}},
			To:   []mesh.Operation{{Paths: []string{path}, NotMethods: []string{value}}},
			When: []mesh.Condition{{Key: key, Values: []string{value}}, {Key: key, NotValues: []string{path}}},
		}
		allow, err := Compile([]mesh.Authorization{{Name: "a", Action: mesh.Allow, Rules: []mesh.AuthorizationRule{rule}}}, "mesh.local")
		if err != nil {
			return
		}
		deny, err := Compile([]mesh.Authorization{{Name: "d", Action: mesh.Deny, Rules: []mesh.AuthorizationRule{rule}}}, "mesh.local")
		if err != nil {
			t.Fatalf("compiles as ALLOW only: %v", err)
		}
		r := &Request{
			Caller: NewCaller(Connection{Identity: identity, Source: netip.MustParseAddr("10.1.2.3"), SNI: value}),
			Method: "GET", Host: asked, Path: asked, Header: fields{"x": value}.field, Claims: claims{"iss": {value}, "sub": {value}, "a/b": {value}},
		}
		if allow.Request(r).Allowed == deny.Request(r).Allowed {
			t.Error("allowed and denied alike")
		}
		if allow.Stream(r.Caller).Allowed && deny.Stream(r.Caller).Allowed {
			t.Error("a stream that is allowed by a rule is not denied by the same rule")
		}
	})
}
