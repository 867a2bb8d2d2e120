package authorize

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// condition is a compiled mesh.Condition: exactly one of the groups is in use.
type condition struct {
	values pair
	of     func(c *Caller) string // an attribute of the connection

	blocks *blocks
	where  address

	header string   // a field of the request; "host" and ":method" are those of its line
	claims []string // the path of a claim
	token  bool     // the token's principal
}

func (w *condition) fits(r *Request) bool {
	switch {
	case w.of != nil:
		return w.values.fits(w.of(r.Caller))
	case w.blocks != nil:
		return w.blocks.fits(r.address(w.where))
	case w.header == host:
		return w.values.fits(r.Host)
	case w.header == method:
		return w.values.fits(r.Method)
	case w.header != "":
		return w.fitsHeader(r)
	case w.token:
		return w.values.fits(requestPrincipal(r))
	case r.Claims == nil:
		return w.values.fitsAny(nil)
	}
	return w.values.fitsAny(r.Claims.Strings(w.claims))
}

// fitsHeader differs from other attributes in that a field may be there and empty,
// which "*" fits.
func (w *condition) fitsHeader(r *Request) bool {
	v, there := r.Header(w.header)
	fits := func(t *texts) bool { return there && (t.present || t.fits(v)) }
	return (w.values.want == nil || fits(w.values.want)) && (w.values.not == nil || !fits(w.values.not))
}

// aboutRequest reports whether the condition needs a request of HTTP.
func (w *condition) aboutRequest() bool { return w.of == nil && w.blocks == nil }

func (c *compiler) condition(m *mesh.Condition) condition {
	switch m.Key {
	case "source.ip":
		return condition{blocks: c.ips(m), where: ofSource}
	case "remote.ip":
		return condition{blocks: c.ips(m), where: ofRemote}
	case "destination.ip":
		return condition{blocks: c.ips(m), where: ofDestination}
	}
	w, ok := attribute(m.Key)
	if !ok {
		c.bad = append(c.bad, fmt.Errorf("when: key %q is not known", m.Key))
	}
	forms, want, not := affixes, m.Values, m.NotValues
	switch m.Key {
	case "destination.port", "source.serviceAccount":
		forms = 0
	case "source.principal":
		want, not = c.local(want), c.local(not)
	}
	w.values = c.pair("when "+m.Key, want, not, forms)
	return w
}

// attribute is a condition on what the key names, without its values.
func attribute(key string) (w condition, ok bool) {
	inner, bracketed := bracket(key)
	switch {
	case ofCaller(key) != nil:
		w.of = ofCaller(key)
	case key == "request.auth.principal":
		w.token = true
	case key == "request.auth.audiences":
		w.claims = []string{"aud"}
	case key == "request.auth.presenter":
		w.claims = []string{"azp"}
	case strings.HasPrefix(key, "request.headers[") && bracketed && len(inner) == 1:
		w.header = field(inner[0])
	case strings.HasPrefix(key, "request.auth.claims[") && bracketed:
		w.claims = inner
	default:
		return condition{}, false
	}
	return w, true
}

// host and method are what not every version of HTTP has among the headers.
const (
	host   = "host"
	method = ":method"
)

// field is the name of a field of a request.
func field(name string) string {
	if name = strings.ToLower(name); name == ":authority" {
		return host
	}
	return name
}

// address says which of a request's addresses is meant.
type address uint8

const (
	ofSource address = iota
	ofRemote
	ofDestination
)

func (r *Request) address(of address) netip.Addr {
	switch of {
	case ofRemote:
		return remote(r)
	case ofDestination:
		return r.Caller.local
	}
	return r.Caller.ip
}

func (c *compiler) ips(m *mesh.Condition) *blocks {
	return &blocks{c.prefixes("when "+m.Key, m.Values), c.prefixes("when not "+m.Key, m.NotValues)}
}

// ofCaller are the attributes of a connection, nil for any other key.
func ofCaller(key string) func(c *Caller) string {
	switch key {
	case "source.principal":
		return func(c *Caller) string { return c.principal }
	case "source.namespace":
		return func(c *Caller) string { return c.namespace }
	case "source.serviceAccount":
		return func(c *Caller) string { return c.account }
	case "source.trustDomain":
		return func(c *Caller) string { return c.trustDomain }
	case "destination.port":
		return func(c *Caller) string { return c.port }
	case "connection.sni":
		return func(c *Caller) string { return c.sni }
	}
	return nil
}

// bracket are the parts in brackets at the end of a key: a[b][c] has b and c.
func bracket(key string) (parts []string, ok bool) {
	_, rest, found := strings.Cut(key, "[")
	if !found {
		return nil, false
	}
	for {
		part, after, closed := strings.Cut(rest, "]")
		if !closed || part == "" || strings.Contains(part, "[") {
			return nil, false
		}
		parts = append(parts, part)
		if after == "" {
			return parts, true
		}
		if rest, ok = strings.CutPrefix(after, "["); !ok {
			return nil, false
		}
	}
}
