package authorize

import "github.com/sightline-mesh/sightline/controlplane/mesh"

// rule is a compiled mesh.AuthorizationRule, with what is said when it decides.
type rule struct {
	from []source
	to   []operation
	when []condition
	name string // "policy shop/deny-admin rule 0"
	says string // when it decides; an ALLOW rule says nothing
}

func (r *rule) fits(q *Request) bool {
	for i := range r.when {
		if !r.when[i].fits(q) {
			return false
		}
	}
	return r.fitsTo(q) && r.fitsFrom(q)
}

func (r *rule) fitsFrom(q *Request) bool {
	for i := range r.from {
		if r.from[i].fits(q) {
			return true
		}
	}
	return len(r.from) == 0
}

func (r *rule) fitsTo(q *Request) bool {
	for i := range r.to {
		if r.to[i].fits(q) {
			return true
		}
	}
	return len(r.to) == 0
}

// rules are those of all policies of one action; the first that fits decides.
type rules []rule

func (rs rules) first(q *Request) *rule {
	for i := range rs {
		if rs[i].fits(q) {
			return &rs[i]
		}
	}
	return nil
}

// forStream is the rule as it holds for a connection that carries no HTTP. What
// can only be known of a request never allows one; in a denial it is left out, so
// that the rule denies more, not less. It reports false for a rule that can fit
// nothing.
func (r rule) forStream(action mesh.AuthorizationAction) (rule, bool) {
	strict := action == mesh.Deny
	out := rule{name: r.name}
	for _, s := range r.from {
		if strict || !s.request.asked() {
			s.request = pair{}
			out.from = append(out.from, s)
		}
	}
	for _, o := range r.to {
		if strict || !o.aboutRequest() {
			out.to = append(out.to, operation{port: o.port})
		}
	}
	for _, w := range r.when {
		switch {
		case !w.aboutRequest():
			out.when = append(out.when, w)
		case !strict:
			return rule{}, false
		}
	}
	return out, (len(out.from) > 0) == (len(r.from) > 0) && (len(out.to) > 0) == (len(r.to) > 0)
}
