package authorize

import (
	"net/netip"
	"strconv"
	"strings"
)

// Caller is what is known of a connection, worked out once for all its requests.
type Caller struct {
	ip    netip.Addr
	local netip.Addr
	port  string // of the app
	sni   string

	// Of the certificate; empty without one.
	principal, trustDomain, namespace, account string
}

// Connection is one connection, as it was accepted.
type Connection struct {
	Identity string         // SPIFFE id that the certificate proved; empty is none
	Source   netip.Addr     // the address it comes from
	To       netip.AddrPort // the address and port of the app that it goes to
	SNI      string
}

// NewCaller works out what policies ask for.
func NewCaller(c Connection) *Caller {
	out := &Caller{
		ip: c.Source.Unmap().WithZone(""), local: c.To.Addr().Unmap().WithZone(""), sni: c.SNI,
		port: strconv.Itoa(int(c.To.Port())),
	}
	id, ok := strings.CutPrefix(c.Identity, "spiffe://")
	if !ok {
		return out
	}
	out.principal = id
	domain, path, _ := strings.Cut(id, "/")
	out.trustDomain = domain
	path, inNamespace := strings.CutPrefix(path, "ns/")
	namespace, account, hasAccount := strings.Cut(path, "/sa/")
	if inNamespace && hasAccount && !strings.Contains(namespace, "/") && !strings.Contains(account, "/") {
		out.namespace, out.account = namespace, namespace+"/"+account
	}
	return out
}

// Principal is the identity without "spiffe://", empty without one.
func (c *Caller) Principal() string { return c.principal }

// Claims are what a verified token says.
type Claims interface {
	// Principal is "issuer/subject".
	Principal() string
	// Strings are the texts at a path of claims, none where there are none.
	Strings(path []string) []string
}

// Request is what a decision is about.
type Request struct {
	Caller *Caller
	Method string
	Host   string // with its port, if the request has one
	Path   string // normalised, without query
	// Header finds a field by its lower-case name; several lines are one value, joined
	// with commas.
	Header func(name string) (string, bool)
	Claims Claims // nil without a token
}
