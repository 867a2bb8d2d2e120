package route

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/retry"
)

var (
	// ErrUnknownService says that the mesh has no service of that name, or that the
	// table does not speak of it.
	ErrUnknownService = errors.New("unknown service")
	// ErrUnknownPort says that the service is known and has no such port.
	ErrUnknownPort = errors.New("unknown port")
	// ErrNoRoute says that the service is known and none of its routes fits the request.
	ErrNoRoute = errors.New("no route fits the request")
)

// Table finds routes. It is never changed after Compile returns.
type Table struct {
	services map[mesh.ServiceName]*service
}

type service struct {
	known bool
	port  // the first of its instances

	ports  []mesh.ServicePort // none where there is one alone
	others []port
}

// port is a service as it is asked for at one of its ports.
type port struct {
	group   uint16
	routes  []*Route
	streams []streamRoute // that were written for streams
	stream  *Route        // of streams that none of those is about
	app     App
}

// Route is where requests go, and on what terms. It belongs to its Table and is
// read-only.
type Route struct {
	Name          string
	Service       mesh.ServiceName // that was asked for
	ConfigVersion uint64           // of the service's snapshot
	Timeout       time.Duration    // over all tries and back-off; 0 is none
	Retry         retry.Policy
	// SameInstance lets a retry go to an instance that was tried before.
	SameInstance bool
	// OtherLocalities has a retry leave the localities that were tried, if it can.
	OtherLocalities bool
	// Hedge is nil where a request has one try at a time.
	Hedge *Hedge
	// Rules is nil where the route only chooses instances.
	Rules *Rules

	matches      []match
	destinations []Destination
}

// Destination is a share of a route's requests.
type Destination struct {
	Service mesh.ServiceName
	Subset  string // "" is every instance
	Port    uint16 // its group, see mesh.ServicePort; 0 is the first of each instance
	Weight  uint32 // relative to its siblings; never 0
	Fail    int    // status that its share is answered with; 0 is sent to an instance
}

// NameFor is the route's name with that of the match that the request fits.
func (r *Route) NameFor(q *Request) string {
	if q.fit == nil {
		return r.Name
	}
	return q.fit.name
}

// Destinations are the route's shares: at least one, none of them of weight 0, unless
// its Rules answer every request. The
// slice is shared and must not be changed.
func (r *Route) Destinations() []Destination { return r.destinations }

// Request is what routes look at. Its strings may alias the caller's buffers: Match
// keeps none of them.
type Request struct {
	Method, Path, Authority string
	Source                  netip.Addr // of the client; the zero value is not known
	Scheme                  string     // empty is http
	Port                    uint16     // that was addressed; 0 is not known, or none
	// Header returns the value of a header by its lower-case name, and whether the
	// request has it. It is not called after Match returned.
	Header func(lowerName string) (value string, ok bool)

	fit *match // that fits, of the route that Match returned; nil where that has none
}

// Has reports whether the table speaks of s, be it only to say that there is no
// such service.
func (t *Table) Has(s mesh.ServiceName) bool {
	_, ok := t.services[s]
	return ok
}

// Known reports whether s is a service of the mesh, as far as the table says.
func (t *Table) Known(s mesh.ServiceName) bool {
	found, ok := t.services[s]
	return ok && found.known
}

// Match finds the first route of s that fits r. The error is ErrUnknownService,
// ErrUnknownPort or ErrNoRoute.
func (t *Table) Match(s mesh.ServiceName, r *Request) (*Route, error) {
	found, ok := t.services[s]
	if !ok || !found.known {
		return nil, fmt.Errorf("%w: %s", ErrUnknownService, s)
	}
	at := &found.port
	if r.Port != 0 && len(found.ports) > 0 {
		if at = found.at(r.Port); at == nil {
			return nil, found.noPort(s, r.Port)
		}
	}
	for _, route := range at.routes {
		if route.fits(r) {
			return route, nil
		}
	}
	path, _, _ := strings.Cut(r.Path, "?") // which may hold secrets
	return nil, fmt.Errorf("%w: %s %s of %s", ErrNoRoute, r.Method, path, s)
}

func (r *Route) fits(req *Request) bool {
	req.fit = nil
	if len(r.matches) == 0 {
		return true
	}
	for i := range r.matches {
		if r.matches[i].fits(req) {
			req.fit = &r.matches[i]
			return true
		}
	}
	return false
}
