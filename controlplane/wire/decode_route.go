package wire

import "github.com/sightline-mesh/sightline/controlplane/mesh"

func toRoute(r *Route) mesh.Route {
	return mesh.Route{
		Name:         r.GetName(),
		Matches:      each(r.GetMatches(), toMatch),
		Destinations: each(r.GetDestinations(), toDestination),
		Timeout:      toDuration(r.GetTimeout()),
		Retry:        toRetry(r.GetRetry()),
		Headers:      toHeaderEdits(r.GetHeaders()),
		Rewrite:      toRewrite(r.GetRewrite()),
		Redirect:     toRedirect(r.GetRedirect()),
		Respond:      toDirectResponse(r.GetRespond()),
		CORS:         toCORS(r.GetCors()),
		Fault:        toFault(r.GetFault()),
		Mirrors:      each(r.GetMirrors(), toMirror),
		Last:         r.GetLast(),
	}
}

func toRetry(r *Retry) *mesh.Retry {
	if r == nil {
		return nil
	}
	return &mesh.Retry{
		Attempts:      int(r.GetAttempts()),
		PerTryTimeout: toDuration(r.GetPerTryTimeout()),
		On:            r.GetOn(),
		Backoff:       toDuration(r.GetBackoff()),
		SameInstance:  r.GetSameInstance(),

		OtherLocalities: r.GetOtherLocalities(),
	}
}

func toMatch(m *Match) mesh.Match {
	return mesh.Match{
		Name:            m.GetName(),
		Path:            toStringMatch(m.GetPath()),
		Scheme:          toStringMatch(m.GetScheme()),
		Method:          toStringMatch(m.GetMethod()),
		Authority:       toStringMatch(m.GetAuthority()),
		Headers:         toNamed(m.GetHeaders()),
		Without:         toNamed(m.GetWithout()),
		Query:           toNamed(m.GetQuery()),
		IgnoreCase:      m.GetIgnoreCase(),
		Port:            m.GetPort(),
		SourceNamespace: m.GetSourceNamespace(),
		SourceLabels:    m.GetSourceLabels(),
	}
}

func toNamed(by map[string]*StringMatch) map[string]*mesh.StringMatch {
	if by == nil {
		return nil
	}
	out := make(map[string]*mesh.StringMatch, len(by))
	for name, sm := range by {
		out[name] = toStringMatch(sm)
	}
	return out
}

// toStringMatch is nil for a match without a kind, which asks for presence.
func toStringMatch(m *StringMatch) *mesh.StringMatch {
	if e := m.GetElements(); e != "" {
		return &mesh.StringMatch{Elements: e}
	}
	switch kind := m.GetKind().(type) {
	case *StringMatch_Exact:
		return &mesh.StringMatch{Exact: kind.Exact}
	case *StringMatch_Prefix:
		return &mesh.StringMatch{Prefix: kind.Prefix}
	case *StringMatch_Regex:
		return &mesh.StringMatch{Regex: kind.Regex}
	}
	return nil
}

func toDestination(d *Destination) mesh.Destination {
	return mesh.Destination{
		Service: mesh.ServiceName(d.GetService()), Subset: d.GetSubset(), Weight: d.GetWeight(), Port: uint16(d.GetPort()),
		Headers: toHeaderEdits(d.GetHeaders()), Fail: int(d.GetFail()), Absent: int(d.GetAbsent()),
		Rewrite: toRewrite(d.GetRewrite()),
	}
}

func toStreamRoute(r *StreamRoute) mesh.StreamRoute {
	return mesh.StreamRoute{
		Name:         r.GetName(),
		Matches:      each(r.GetMatches(), toStreamMatch),
		Destinations: each(r.GetDestinations(), toDestination),
	}
}

func toStreamMatch(m *StreamMatch) mesh.StreamMatch {
	return mesh.StreamMatch{
		TLS: m.GetTls(), SNI: m.GetSni(), Port: m.GetPort(),
		SourceNamespace: m.GetSourceNamespace(), SourceLabels: m.GetSourceLabels(),
	}
}
