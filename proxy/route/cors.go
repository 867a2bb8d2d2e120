package route

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// CORS is what pages of other origins may do.
type CORS struct {
	// Ignore answers preflights of other origins, permitting nothing; else they are
	// the service's to answer.
	Ignore bool

	origins   []*text
	any       bool
	preflight []Edit // beside the origin
	actual    []Edit // as above
}

// Permits reports whether pages of the origin may call.
func (c *CORS) Permits(origin string) bool {
	if c.any {
		return true
	}
	for _, x := range c.origins {
		if x.fits(origin) {
			return true
		}
	}
	return false
}

// Preflight answers the question whether pages of the origin may call. An empty
// origin is one that may not.
func (c *CORS) Preflight(origin string) *Answer {
	a := &Answer{Status: http.StatusOK, GRPC: -1}
	if origin != "" {
		a.Fields = append([]Edit{allowOrigin(origin, Add)}, c.preflight...)
	}
	return a
}

// Edits appends what an answer to a page of a permitted origin must say. The origin
// must stay valid until the answer was written.
func (c *CORS) Edits(dst []Edit, origin string) []Edit {
	return append(append(dst, allowOrigin(origin, Set)), c.actual...)
}

func allowOrigin(origin string, op Op) Edit {
	return Edit{Op: op, Name: "access-control-allow-origin", Value: origin}
}

func (c *compiler) cors(path string, r *mesh.CORS) *CORS {
	if r == nil {
		return nil
	}
	out := &CORS{Ignore: r.Ignore}
	for i, origin := range r.Origins {
		x, err := compileText(&origin)
		if err != nil {
			c.fault("%s.%w", path, fmt.Errorf("origins[%d]: %w", i, err))
			continue
		}
		out.origins = append(out.origins, x)
		out.any = out.any || x.fits("*")
	}
	say := func(name, value string) {
		if value != "" {
			out.preflight = append(out.preflight, Edit{Op: Add, Name: name, Value: value})
		}
	}
	if r.Credentials {
		say("access-control-allow-credentials", "true")
		out.actual = append(out.actual, Edit{Op: Set, Name: "access-control-allow-credentials", Value: "true"})
	}
	say("access-control-allow-methods", strings.Join(r.Methods, ","))
	say("access-control-allow-headers", strings.Join(r.Headers, ","))
	if r.MaxAge > 0 {
		say("access-control-max-age", strconv.FormatInt(int64(r.MaxAge/time.Second), 10))
	}
	if len(r.Expose) > 0 {
		out.actual = append(out.actual, Edit{Op: Set, Name: "access-control-expose-headers", Value: strings.Join(r.Expose, ",")})
	}
	return out
}
