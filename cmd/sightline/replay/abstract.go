package replay

import (
	"maps"
	"slices"
	"strings"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// routes are a snapshot's with questions in the place of what is not recorded. Labels are
// asked for where those of the caller are not known.
func (q *questions) routes(s mesh.Snapshot, labels bool) mesh.Snapshot {
	s.Routes = slices.Clone(s.Routes)
	for i := range s.Routes {
		s.Routes[i].Matches = slices.Clone(s.Routes[i].Matches)
		for j, m := range s.Routes[i].Matches {
			s.Routes[i].Matches[j] = q.match(m, labels)
		}
	}
	return s
}

func (q *questions) match(m mesh.Match, labels bool) mesh.Match { //nolint:revive // as routes
	headers, without := map[string]*mesh.StringMatch{}, map[string]*mesh.StringMatch{}
	keep := func(in, out map[string]*mesh.StringMatch, kind string) {
		for _, name := range slices.Sorted(maps.Keys(in)) {
			if is := in[name]; kind == "header " && recorded(name) {
				out[name] = is
			} else {
				out[q.of(kind+name, is)] = nil
			}
		}
	}
	keep(m.Headers, headers, "header ")
	keep(m.Query, headers, "parameter ")
	keep(m.Without, without, "header ")
	if m.Scheme != nil {
		headers[q.of("scheme", m.Scheme)] = nil
	}
	if labels {
		for _, name := range slices.Sorted(maps.Keys(m.SourceLabels)) {
			headers[q.of("the caller's label "+name, &mesh.StringMatch{Exact: m.SourceLabels[name]})] = nil
		}
		m.SourceLabels = nil
	}
	m.Headers, m.Without, m.Query, m.Scheme = headers, without, nil, nil
	return m
}

// policies are authorization policies with questions in the place of what is not recorded.
func (q *questions) policies(all []mesh.Authorization) []mesh.Authorization {
	out := slices.Clone(all)
	for i := range out {
		var rules []mesh.AuthorizationRule
		for _, r := range out[i].Rules {
			rules = append(rules, q.rule(r)...)
		}
		out[i].Rules = rules
	}
	return out
}

// rule is split into one for each source that asks for something that is not recorded: a
// question can only stand in a condition, and conditions hold for all sources.
func (q *questions) rule(r mesh.AuthorizationRule) []mesh.AuthorizationRule {
	r.When = slices.Clone(r.When)
	for i, c := range r.When {
		r.When[i] = q.condition(c)
	}
	var out []mesh.AuthorizationRule
	var plain []mesh.Source
	for _, s := range r.From {
		conditions := q.source(&s)
		if len(conditions) == 0 {
			plain = append(plain, s)
			continue
		}
		own := r
		own.From, own.When = []mesh.Source{s}, append(slices.Clip(r.When), conditions...)
		out = append(out, own)
	}
	if len(plain) > 0 || len(r.From) == 0 {
		r.From = plain
		out = append(out, r)
	}
	return out
}

// source takes what is not recorded off a source, and returns it as conditions.
func (q *questions) source(s *mesh.Source) (out []mesh.Condition) {
	for _, list := range []struct {
		field  string
		values *[]string
		not    bool
	}{
		{"the token's principal", &s.RequestPrincipals, false},
		{"the token's principal", &s.NotRequestPrincipals, true},
		{"the address", &s.IPBlocks, false},
		{"the address", &s.NotIPBlocks, true},
	} {
		if len(*list.values) > 0 {
			out = append(out, q.oneOf(list.field, *list.values, list.not))
			*list.values = nil
		}
	}
	return out
}

func (q *questions) condition(c mesh.Condition) mesh.Condition {
	switch c.Key {
	case "source.principal", "source.namespace", "source.serviceAccount", "source.trustDomain", "destination.port":
		return c
	}
	field := c.Key
	if name, ok := strings.CutPrefix(c.Key, "request.headers["); ok {
		name = strings.TrimSuffix(name, "]")
		if recorded(name) {
			return c
		}
		field = "header " + name
	}
	if len(c.Values) > 0 && len(c.NotValues) > 0 {
		return q.oneOf(field, append(slices.Clone(c.Values), append([]string{"and not"}, c.NotValues...)...), false)
	}
	return q.oneOf(field, append(c.Values, c.NotValues...), len(c.NotValues) > 0)
}

// oneOf asks whether a field is one of some values, or none of them.
func (q *questions) oneOf(field string, values []string, not bool) mesh.Condition { //nolint:revive // which of the two
	key := "request.headers[" + q.header(field, "is one of "+strings.Join(values, ", "), false) + "]"
	if not {
		return mesh.Condition{Key: key, NotValues: []string{"*"}}
	}
	return mesh.Condition{Key: key, Values: []string{"*"}}
}
