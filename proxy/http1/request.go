package http1

import (
	"bytes"
	"net/http"
	"strings"
)

// Request is a request head. Its strings alias the Reader's buffer.
type Request struct {
	Head

	Method    string
	Path      string // path and query, "*" for OPTIONS *; empty for CONNECT
	Authority string // of the request target if that is absolute, else Host; may be empty in HTTP/1.0
	Minor     int    // of the version: 0 or 1
	Framing   Framing
	Length    uint64 // of the body when Framing is Length

	// Target is written in Path's place unless it is empty, as it is after a read.
	Target string

	// KeepAlive is whether the client means to send another request.
	KeepAlive bool
	// ExpectContinue is set when the client waits for a 100 before it sends the body.
	ExpectContinue bool
	// Upgrade is the protocol asked for with Connection: upgrade, else empty. HTTP/2 is
	// never asked for: what the app answered there would pass by every later step.
	Upgrade string

	rewritten bool // the request line is not to be copied as it came
}

// Clean takes out the fields that belong to the client's connection and puts in
// those of the next one. Call it once, before the request is written.
func (q *Request) Clean() {
	te := q.connection.te && strings.EqualFold(q.Get(TE), "trailers")
	q.dropHopByHop()
	if q.Framing == Chunked {
		q.Set(TransferEncoding, "chunked")
	}
	if q.rewritten || (!q.Has(Host) && q.Authority != "") {
		q.Set(Host, q.Authority)
	}
	switch {
	case q.Upgrade != "":
		q.Set(Upgrade, q.Upgrade)
		q.Set(Connection, "upgrade")
	case te:
		q.Set(TE, "trailers")
		q.Set(Connection, "te")
	}
}

// parse reads the first line and what the fields mean together.
func (q *Request) parse() error {
	if err := q.parseLine(); err != nil {
		return err
	}
	if err := q.parseHost(); err != nil {
		return err
	}
	var err error
	if q.Framing, q.Length, err = q.declared(q.Minor); err != nil {
		return err
	}
	q.readConnection()
	q.KeepAlive = !q.connection.close && (q.Minor == 1 || q.connection.keepAlive)
	q.Upgrade = ""
	if q.connection.upgrade && q.Minor == 1 {
		if p := q.Get(Upgrade); !strings.Contains(strings.ToLower(p), "h2c") {
			q.Upgrade = p
		}
	}
	q.ExpectContinue = q.Minor == 1 && q.Framing != NoBody && strings.EqualFold(q.Get(Expect), "100-continue")
	return nil
}

func (q *Request) parseLine() error {
	line := q.raw[:q.first]
	method, rest, ok := bytes.Cut(line, []byte{' '})
	if !ok || len(method) == 0 || !allOf(method, tokenByte) {
		return badRequest("request line %q has no method", clip(line))
	}
	target, version, ok := bytes.Cut(rest, []byte{' '})
	if !ok || len(target) == 0 || !allOf(target, targetByte) {
		return badRequest("request line %q has no proper target", clip(line))
	}
	var err error
	if q.Minor, err = parseVersion(version); err != nil {
		return err
	}
	q.Method = view(method)
	q.rewritten = q.Minor == 0
	return q.parseTarget(view(target))
}

// parseVersion tells 1.0 from 1.1; other versions of the form are not supported.
func parseVersion(v []byte) (minor int, err error) {
	switch string(v) {
	case "HTTP/1.1":
		return 1, nil
	case "HTTP/1.0":
		return 0, nil
	}
	if len(v) == 8 && string(v[:5]) == "HTTP/" && v[6] == '.' {
		return 0, &Error{Status: http.StatusHTTPVersionNotSupported, Reason: "HTTP version is not 1.0 or 1.1"}
	}
	return 0, badRequest("%q is not an HTTP version", clip(v))
}

// parseTarget splits the four forms of a target (RFC 9112, 3.2).
func (q *Request) parseTarget(target string) error {
	q.Authority = ""
	switch {
	case q.Method == http.MethodConnect:
		q.Path, q.Authority = "", target
		return checkAuthority(target)
	case target[0] == '/':
		q.Path = target
		return nil
	case target == "*" && q.Method == http.MethodOptions:
		q.Path = target
		return nil
	}
	const scheme = "http://"
	if len(target) <= len(scheme) || !strings.EqualFold(target[:len(scheme)], scheme) {
		return badRequest("request target %q is neither a path nor an http URI", target[:min(len(target), 40)])
	}
	q.rewritten = true
	rest := target[len(scheme):]
	i := strings.IndexAny(rest, "/?#")
	if i < 0 {
		q.Authority, q.Path = rest, "/"
	} else {
		q.Authority, q.Path = rest[:i], rest[i:]
	}
	if q.Path[0] != '/' {
		return badRequest("request target has a query or fragment but no path")
	}
	if q.Authority == "" {
		return badRequest("request target names no host")
	}
	return checkAuthority(q.Authority)
}

// parseHost wants exactly one Host in HTTP/1.1, at most one in 1.0. An absolute
// target outranks it.
func (q *Request) parseHost() error {
	switch n := q.count(Host); {
	case n > 1:
		return badRequest("more than one host field")
	case n == 0 && q.Minor == 1:
		return badRequest("no host field")
	case n == 0:
		return nil
	}
	host := q.Get(Host)
	if err := checkAuthority(host); err != nil {
		return err
	}
	if q.Authority == "" {
		q.Authority = host
	}
	return nil
}

// checkAuthority refuses what cannot be host[:port], user information included:
// two readers may take different parts of it for the host.
func checkAuthority(a string) error {
	for _, c := range []byte(a) {
		ok := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !ok && strings.IndexByte("-._~:[]%!$&'()*+;=", c) < 0 {
			return badRequest("host %q is not a host name", a[:min(len(a), 40)])
		}
	}
	return nil
}
