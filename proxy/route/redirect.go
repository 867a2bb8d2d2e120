package route

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Redirect sends a caller elsewhere.
type Redirect struct{ rule mesh.Redirect }

// Code is the status that says so.
func (r *Redirect) Code() int { return r.rule.Code }

// Location is where the request is to go instead. The request must have been matched
// by the route.
func (r *Redirect) Location(q *Request) string {
	scheme := cmp.Or(r.rule.Scheme, q.scheme())
	port := ""
	switch {
	case r.rule.Port != 0:
		port = strconv.Itoa(int(r.rule.Port))
	case r.rule.RequestPort:
		port = strconv.Itoa(int(q.port()))
	}
	usual := scheme == "http" && port == "80" || scheme == "https" && port == "443"
	host := r.rule.Authority
	if host == "" {
		host = hostFor(q, scheme, port)
	}
	if port != "" && !usual {
		host += ":" + port
	}
	return scheme + "://" + host + r.path(q)
}

// hostFor is the request's own host, without a port that would no longer be right.
func hostFor(q *Request, scheme, port string) string {
	own := portOf(q.Authority)
	bare := strings.TrimSuffix(q.Authority, ":"+own)
	from := q.scheme()
	left := from == "http" && own == "80" || from == "https" && own == "443"
	if own != "" && (port != "" || scheme != from && left) {
		return bare
	}
	return q.Authority
}

func (r *Redirect) path(q *Request) string {
	path, query := q.Path, ""
	if i := strings.IndexByte(path, '?'); i >= 0 {
		path, query = path[:i], path[i:]
	}
	switch {
	case r.rule.Path != "" && strings.Contains(r.rule.Path, "?"):
		return r.rule.Path
	case r.rule.Path != "":
		return r.rule.Path + query
	case r.rule.Prefix != "" && r.rule.Elements:
		return below(r.rule.Prefix, path[q.elements(len(path)):]) + query
	case r.rule.Prefix != "":
		return r.rule.Prefix + path[q.compared(len(path)):] + query
	}
	return q.Path
}

func (c *compiler) redirect(path string, r *mesh.Redirect) *Redirect {
	if r == nil {
		return nil
	}
	switch r.Code {
	case 301, 302, 303, 307, 308:
	default:
		c.fault("%s.code: %d is not a redirect", path, r.Code)
	}
	if r.Port > 65535 {
		c.fault("%s.port: %d is not a port", path, r.Port)
	}
	return &Redirect{rule: *r}
}
