package upstream

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sightline-mesh/sightline/proxy/route"
)

// FuzzHashedParts holds the parameter and the cookie that a consistent hash is made of
// against net/url and net/http, where those understand the request.
func FuzzHashedParts(f *testing.F) {
	f.Add("/a?user=ada&user=bob", "user=jason; session=1")
	f.Add("/?%75ser=a+b#user=c", `a=b;user="quoted"`)
	f.Add("*", "user")
	f.Add("/?user", " user = x ; user=y")
	f.Fuzz(func(t *testing.T, target, cookies string) {
		ask := &route.Request{Path: target, Header: func(string) (string, bool) { return cookies, true }}
		got, ok := parameter(target, "user")
		_, query, _ := strings.Cut(target, "?")
		query, _, _ = strings.Cut(query, "#")
		if all, err := url.ParseQuery(query); err == nil && (all.Has("user") != ok || all.Get("user") != got) {
			t.Errorf("%q: %q, %v; want %q, %v", target, got, ok, all.Get("user"), all.Has("user"))
		}
		value, ok := cookieValue(ask, "user")
		r := &http.Request{Header: http.Header{"Cookie": {cookies}}}
		c, err := r.Cookie("user")
		if strings.Count(cookies, "user") > 1 || strings.Contains(cookies, " =") {
			return // of several, and of names with a space, each has its own idea
		}
		if err == nil && c.Value != "" && (!ok || value != c.Value) {
			t.Errorf("%q: %q, %v; want %q", cookies, value, ok, c.Value)
		}
	})
}
