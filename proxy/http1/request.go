package http1

import (
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

	methodEnd, targetEnd int  // in the request line
	rewritten            bool // it is not to be copied as it came
}

// Clean takes out the fields that belong to the client's connection and puts in
// those of the next one. Call it once, before the request is written.
func (q *Request) Clean() {
	te := q.connection.te && equalFold(q.Get(TE), "trailers")
	q.dropHopByHop()
	if q.Framing == Chunked {
		q.Set(TransferEncoding, "chunked")
	}
	if q.Authority != "" && q.Get(Host) != q.Authority {
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
	q.ExpectContinue = q.Minor == 1 && q.Framing != NoBody && equalFold(q.Get(Expect), "100-continue")
	return nil
}

// begin splits the request line. It is what is looked at first, before the rest of
// the head is there.
func (q *Request) begin(line []byte) error {
	line = line[:len(line)-2]
	n := span(line, tokenByte)
	if n == 0 || n == len(line) || line[n] != ' ' {
		return badRequest("request line %q has no method", clip(line))
	}
	m := n + 1 + span(line[n+1:], targetByte)
	if m == n+1 || m == len(line) || line[m] != ' ' {
		return badRequest("request line %q has no proper target", clip(line))
	}
	q.methodEnd, q.targetEnd = n, m
	var err error
	q.Minor, err = parseVersion(line[m+1:])
	return err
}

// emptyBefore is for clients that send a CRLF too many after a body (RFC 9112, 2.2).
func (*Request) emptyBefore() int { return 2 }

func (q *Request) parseLine() error {
	q.Method = view(q.raw[:q.methodEnd])
	q.rewritten = q.Minor == 0
	return q.parseTarget(view(q.raw[q.methodEnd+1 : q.targetEnd]))
}

// parseVersion tells 1.0 from 1.1; other versions of the form are not supported.
func parseVersion(v []byte) (minor int, err error) {
	switch string(v) {
	case "HTTP/1.1":
		return 1, nil
	case "HTTP/1.0":
		return 0, nil
	}
	if len(v) == 8 && string(v[:5]) == "HTTP/" && isDigit(v[5]) && v[6] == '.' && isDigit(v[7]) {
		return 0, &Error{Status: http.StatusHTTPVersionNotSupported, Reason: "HTTP version is not 1.0 or 1.1"}
	}
	return 0, badRequest("%q is not an HTTP version", clip(v))
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// parseTarget splits the four forms of a target (RFC 9112, 3.2).
func (q *Request) parseTarget(target string) error {
	q.Authority = ""
	switch {
	case q.Method == http.MethodConnect:
		q.Path, q.Authority = "", target
		return checkAuthority(target)
	case strings.IndexByte(target, '#') >= 0:
		return badRequest("request target has a fragment")
	case target[0] == '/':
		q.Path = target
		return nil
	case target == "*" && q.Method == http.MethodOptions:
		q.Path = target
		return nil
	}
	const scheme = "http://"
	if len(target) <= len(scheme) || !equalFold(target[:len(scheme)], scheme) {
		return badRequest("request target %q is neither a path nor an http URI", target[:min(len(target), 40)])
	}
	q.rewritten = true
	return q.parseAbsolute(target[len(scheme):])
}

// parseAbsolute splits what stands behind the scheme.
func (q *Request) parseAbsolute(rest string) error {
	i := strings.IndexAny(rest, "/?")
	switch {
	case i >= 0:
		q.Authority, q.Path = rest[:i], rest[i:]
	case q.Method == http.MethodOptions: // asks of the server as a whole (RFC 9112, 3.2.4)
		q.Authority, q.Path = rest, "*"
	default:
		q.Authority, q.Path = rest, "/"
	}
	switch {
	case q.Path[0] == '?':
		return badRequest("request target has a query but no path")
	case q.Authority == "":
		return badRequest("request target names no host")
	}
	return checkAuthority(q.Authority)
}

// parseHost wants exactly one Host in HTTP/1.1, at most one in 1.0. An absolute
// target outranks it.
func (q *Request) parseHost() error {
	switch n := q.Count(Host); {
	case n > 1:
		return badRequest("more than one host field")
	case n == 0 && q.Minor == 1:
		return badRequest("no host field")
	case n == 0:
		return nil
	}
	host := q.Get(Host)
	if host != "" {
		if err := checkAuthority(host); err != nil {
			return err
		}
	}
	if q.Authority == "" {
		q.Authority = host
	}
	return nil
}
