package route

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Rules is what a route does to a request beside choosing instances. It belongs to
// its Table and is read-only. Fields that are nil do nothing.
type Rules struct {
	Fault    *Fault
	CORS     *CORS
	Respond  *Answer   // in an instance's stead
	Redirect *Redirect // in an instance's stead
	Mirrors  []Mirror
	// Apart says that where requests go on to depends on the destination: see Edits.Path.
	Apart bool

	rewrite *rewrite // nil also where destinations have their own
	edits   []Edits  // by destination; at least one, for answers of the route's own
}

// Edits is what is changed of a request, and of its answer.
type Edits struct {
	Request, Response []Edit
	Authority         string // empty is as it came

	rewrite *rewrite // where destinations have their own
}

// Path is as that of Rules, where it depends on the destination.
func (e *Edits) Path(q *Request) string {
	if e.rewrite == nil {
		return ""
	}
	return e.rewrite.path(q)
}

// Edits are those for a destination, by its place among the route's.
func (r *Rules) Edits(destination int) *Edits { return &r.edits[min(destination, len(r.edits)-1)] }

// Path is the path and query that the request goes on with, empty if they stay. The
// request must have been matched by the route.
func (r *Rules) Path(q *Request) string {
	if r.rewrite == nil {
		return ""
	}
	return r.rewrite.path(q)
}

// Fault is injected into requests.
type Fault struct {
	Delay       time.Duration
	DelayShare  float64 // of requests, 0 to 1
	AbortStatus int     // 0 is no abort
	AbortGRPC   *int    // code; nil is what the status means
	AbortShare  float64 // of requests, 0 to 1
}

// Mirror is where copies of requests go.
type Mirror struct {
	Route *Route // of one destination
	Share float64
}

func (c *compiler) rules(path string, s *mesh.Snapshot, r *mesh.Route) *Rules {
	out := &Rules{
		Fault:    c.faultRule(path+".fault", r.Fault),
		CORS:     c.cors(path+".cors", r.CORS),
		Respond:  c.respond(path+".respond", r.Respond),
		Redirect: c.redirect(path+".redirect", r.Redirect),
		rewrite:  c.rewrite(path+".rewrite", r.Rewrite),
		edits:    edits(r),
	}
	c.apart(path, r, out)
	for i, m := range r.Mirrors {
		out.Mirrors = append(out.Mirrors, c.mirror(fmt.Sprintf("%s.mirrors[%d]", path, i), s, r, m))
	}
	if out.Fault == nil && out.CORS == nil && out.Respond == nil && out.Redirect == nil &&
		out.rewrite == nil && !out.Apart && len(out.Mirrors) == 0 && !edited(out.edits) {
		return nil
	}
	return out
}

// apart gives each destination a rewrite of its own where any has one.
func (c *compiler) apart(path string, r *mesh.Route, out *Rules) {
	own, n := false, 0
	for i, d := range r.Destinations {
		if d.Weight == 0 {
			continue
		}
		e := &out.edits[n]
		n++
		if d.Rewrite == nil {
			e.rewrite = out.rewrite
			continue
		}
		own = true
		if e.rewrite = c.rewrite(fmt.Sprintf("%s.destinations[%d].rewrite", path, i), d.Rewrite); e.rewrite == nil {
			e.rewrite = out.rewrite
		}
		e.Authority = cmp.Or(d.Rewrite.Authority, e.Authority)
	}
	if own {
		out.rewrite, out.Apart = nil, true
	}
}

func (c *compiler) faultRule(path string, f *mesh.Fault) *Fault {
	if f == nil {
		return nil
	}
	var out Fault
	if d := f.Delay; d != nil {
		out.Delay, out.DelayShare = d.Fixed, c.share(path+".delay.percent", d.Percent)
		if d.Fixed <= 0 {
			c.fault("%s.delay.fixed: %v is not above 0", path, d.Fixed)
		}
	}
	if a := f.Abort; a != nil {
		out.AbortStatus, out.AbortGRPC, out.AbortShare = a.Status, a.GRPC, c.share(path+".abort.percent", a.Percent)
		if a.GRPC != nil {
			out.AbortStatus = http.StatusOK
		}
		c.status(path+".abort.status", out.AbortStatus)
	}
	return &out
}

func (c *compiler) status(path string, status int) {
	if status < 200 || status > 599 {
		c.fault("%s: %d is not the status of an answer", path, status)
	}
}

func (c *compiler) share(path string, percent float64) float64 {
	if !(percent >= 0 && percent <= 100) { // NaN is neither
		c.fault("%s: %v is not a percentage from 0 to 100", path, percent)
	}
	return percent / 100
}

func (c *compiler) respond(path string, d *mesh.DirectResponse) *Answer {
	if d == nil {
		return nil
	}
	c.status(path+".status", d.Status)
	if len(d.Body) > mesh.MaxBody {
		c.fault("%s.body: has %d bytes; at most %d are answered", path, len(d.Body), mesh.MaxBody)
	}
	out := &Answer{Status: d.Status, GRPC: -1, Body: string(d.Body)}
	if out.Body != "" {
		out.Fields = []Edit{{Op: Add, Name: "content-type", Value: "text/plain"}}
	}
	return out
}

func (c *compiler) mirror(path string, s *mesh.Snapshot, r *mesh.Route, m mesh.Mirror) Mirror {
	c.destination(path, mesh.Destination{Service: m.Service, Subset: m.Subset})
	return Mirror{
		Share: c.share(path+".percent", m.Percent),
		Route: &Route{
			Name: r.Name + ".mirror", Service: m.Service, ConfigVersion: s.Version,
			destinations: []Destination{{Service: m.Service, Subset: m.Subset, Port: m.Port, Weight: 1}},
		},
	}
}

// edits joins those of the route with those of each destination that gets requests.
// Where there are several destinations, theirs come first and the route's may
// replace what they set; the edits of an only destination belong to the route, and
// come after its own.
func edits(r *mesh.Route) []Edits {
	var of mesh.HeaderEdits
	if r.Headers != nil {
		of = *r.Headers
	}
	authority := ""
	if r.Rewrite != nil {
		authority = r.Rewrite.Authority
	}
	if len(r.Destinations) == 0 {
		return []Edits{{
			Request: inOrder(of.Request), Response: inOrder(of.Response), Authority: cmp.Or(authority, of.Request.Set["host"]),
		}}
	}
	var out []Edits
	for _, d := range r.Destinations {
		if d.Weight == 0 {
			continue
		}
		var own mesh.HeaderEdits
		if d.Headers != nil {
			own = *d.Headers
		}
		if len(r.Destinations) == 1 {
			out = append(out, Edits{
				Request: inOrder(of.Request, own.Request), Response: inOrder(of.Response, own.Response),
				Authority: cmp.Or(own.Request.Set["host"], authority, of.Request.Set["host"]),
			})
			continue
		}
		out = append(out, Edits{
			Request:   append(inOrder(own.Request), inOrder(of.Request)...),
			Response:  append(inOrder(own.Response), inOrder(of.Response)...),
			Authority: cmp.Or(authority, of.Request.Set["host"], own.Request.Set["host"]),
		})
	}
	return out
}

// inOrder is one list: what is removed, then what is set, then what is added. The
// host is not among them.
func inOrder(all ...mesh.FieldEdits) []Edit {
	var out []Edit
	for _, e := range all {
		for _, name := range e.Remove {
			out = append(out, Edit{Op: Remove, Name: name})
		}
	}
	for _, e := range all {
		out = appendNamed(out, Set, e.Set)
	}
	for _, e := range all {
		out = appendNamed(out, Add, e.Add)
	}
	return out
}

func appendNamed(out []Edit, op Op, by map[string]string) []Edit {
	for _, name := range slices.Sorted(maps.Keys(by)) {
		if name != "host" {
			out = append(out, Edit{Op: op, Name: name, Value: by[name]})
		}
	}
	return out
}

func edited(all []Edits) bool {
	return slices.ContainsFunc(all, func(e Edits) bool { return len(e.Request)+len(e.Response) > 0 || e.Authority != "" })
}
