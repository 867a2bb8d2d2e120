package upstream

import (
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/balance"
	"github.com/sightline-mesh/sightline/proxy/route"
)

// hashKey is what a request is told apart by. ok is false for one that lacks it.
// Cookie is a Set-Cookie that gives the client one for the next time.
func hashKey(h *mesh.Hash, ask *route.Request) (key uint64, cookie string, ok bool) {
	if h == nil || ask == nil {
		return 0, "", false
	}
	value := ""
	switch {
	case h.Header != "":
		value, ok = header(ask, h.Header)
	case h.Query != "":
		value, ok = parameter(ask.Path, h.Query)
	case h.Cookie != nil:
		if value, ok = cookieValue(ask, h.Cookie.Name); !ok && h.Cookie.Set {
			value, ok = strconv.FormatUint(rand.Uint64(), 16), true
			cookie = setCookie(h.Cookie, value)
		}
	case h.SourceIP && ask.Source.IsValid():
		b := ask.Source.Unmap().As16()
		return balance.Hash(string(b[:])), "", true
	}
	if !ok {
		return 0, "", false
	}
	return balance.Hash(value), cookie, true
}

func header(ask *route.Request, name string) (string, bool) {
	if ask.Header == nil {
		return "", false
	}
	return ask.Header(name)
}

// parameter is the first value of a parameter of the query, decoded.
func parameter(target, name string) (string, bool) {
	_, query, _ := strings.Cut(target, "?")
	query, _, _ = strings.Cut(query, "#")
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		key, value, _ := strings.Cut(pair, "=")
		if decoded(key) == name {
			return decoded(value), true
		}
	}
	return "", false
}

func decoded(s string) string {
	if !strings.ContainsAny(s, "%+") {
		return s
	}
	if d, err := url.QueryUnescape(s); err == nil {
		return d
	}
	return s
}

func cookieValue(ask *route.Request, name string) (string, bool) {
	all, ok := header(ask, "cookie")
	for ok && all != "" {
		var pair string
		pair, all, _ = strings.Cut(all, ";")
		if key, value, found := strings.Cut(strings.TrimSpace(pair), "="); found && key == name {
			return strings.Trim(value, `"`), true
		}
	}
	return "", false
}

// setCookie is the value of a Set-Cookie field (RFC 6265, 4.1).
func setCookie(c *mesh.HashCookie, value string) string {
	var b strings.Builder
	b.WriteString(c.Name + "=" + value)
	if c.TTL > 0 {
		b.WriteString("; Max-Age=" + strconv.FormatInt(int64((c.TTL+time.Second-1)/time.Second), 10))
	}
	if c.Path != "" {
		b.WriteString("; Path=" + c.Path)
	}
	for _, a := range c.Attributes {
		b.WriteString("; " + a.Name)
		if a.Value != "" {
			b.WriteString("=" + a.Value)
		}
	}
	b.WriteString("; HttpOnly")
	return b.String()
}
