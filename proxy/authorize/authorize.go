package authorize

// Decision is what becomes of a request.
type Decision struct {
	Allowed bool
	// Reason says what denied the request: "RBAC: access denied by policy shop/x rule 0".
	Reason string
	// Rehearsed is set when a dry-run policy would have denied the request.
	Rehearsed bool
	// Note says what dry-run and AUDIT policies have to tell of the request.
	Note string
}

// Policies are all that select one workload, compiled. Their methods may be called
// from any goroutine.
type Policies struct{ requests, streams tables }

// tables are the rules for one sort of traffic.
type tables struct {
	force, rehearsal stage
	audits           rules
}

// stage is a DENY table in front of an ALLOW table.
type stage struct {
	denials rules
	allows  rules
	nothing string // said when no ALLOW policy fits; empty when there is none
}

// Request decides on a request. Nil policies allow everything.
func (p *Policies) Request(q *Request) Decision {
	if p == nil {
		return Decision{Allowed: true}
	}
	return p.requests.decide(q)
}

// Stream decides on a connection that carries no HTTP: what policies say of
// requests never allows it, and does not keep a denial from it.
func (p *Policies) Stream(c *Caller) Decision {
	if p == nil {
		return Decision{Allowed: true}
	}
	return p.streams.decide(&Request{Caller: c})
}

func (t *tables) decide(q *Request) Decision {
	var d Decision
	d.Reason = t.force.denial(q)
	d.Allowed = d.Reason == ""
	if note := t.rehearsal.denial(q); note != "" {
		d.Rehearsed, d.Note = true, note
	} else if r := t.audits.first(q); r != nil {
		d.Note = r.says
	}
	return d
}

// denial is why the request is denied, empty when it is not.
func (s *stage) denial(q *Request) string {
	if r := s.denials.first(q); r != nil {
		return r.says
	}
	if s.nothing == "" || s.allows.first(q) != nil {
		return ""
	}
	return s.nothing
}
