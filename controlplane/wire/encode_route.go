package wire

import (
	"regexp"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func fromRoute(r mesh.Route) *Route {
	return &Route{
		Name:         r.Name,
		Matches:      each(r.Matches, fromMatch),
		Destinations: each(r.Destinations, fromDestination),
		Timeout:      fromDuration(r.Timeout),
		Retry:        fromRetry(r.Retry),
		Headers:      fromHeaderEdits(r.Headers),
		Rewrite:      fromRewrite(r.Rewrite),
		Redirect:     fromRedirect(r.Redirect),
		Respond:      fromDirectResponse(r.Respond),
		Cors:         fromCORS(r.CORS),
		Fault:        fromFault(r.Fault),
		Mirrors:      each(r.Mirrors, fromMirror),
		Last:         r.Last,
	}
}

func fromRetry(r *mesh.Retry) *Retry {
	if r == nil {
		return nil
	}
	return &Retry{
		Attempts:      int64(r.Attempts),
		PerTryTimeout: fromDuration(r.PerTryTimeout),
		On:            r.On,
		Backoff:       fromDuration(r.Backoff),
		SameInstance:  r.SameInstance,

		OtherLocalities: r.OtherLocalities,
	}
}

func fromMatch(m mesh.Match) *Match {
	return &Match{
		Name:            m.Name,
		Path:            fromStringMatch(m.Path),
		Scheme:          fromStringMatch(m.Scheme),
		Method:          fromStringMatch(m.Method),
		Authority:       fromStringMatch(m.Authority),
		Headers:         fromNamed(m.Headers),
		Without:         fromNamed(m.Without),
		Query:           fromNamed(m.Query),
		IgnoreCase:      m.IgnoreCase,
		Port:            m.Port,
		SourceNamespace: m.SourceNamespace,
		SourceLabels:    m.SourceLabels,
	}
}

func fromNamed(by map[string]*mesh.StringMatch) map[string]*StringMatch {
	if by == nil {
		return nil
	}
	out := make(map[string]*StringMatch, len(by))
	for name, sm := range by {
		out[name] = fromStringMatch(sm)
		if sm == nil {
			out[name] = &StringMatch{} // protobuf maps hold no nil
		}
	}
	return out
}

func fromStringMatch(m *mesh.StringMatch) *StringMatch {
	switch {
	case m == nil:
		return nil
	case m.Prefix != "":
		return &StringMatch{Kind: &StringMatch_Prefix{Prefix: m.Prefix}}
	case m.Regex != "":
		return &StringMatch{Kind: &StringMatch_Regex{Regex: m.Regex}}
	case m.Elements != "":
		same := regexp.QuoteMeta(m.Elements) + "(?:/.*)?"
		return &StringMatch{Elements: m.Elements, Kind: &StringMatch_Regex{Regex: same}}
	}
	return &StringMatch{Kind: &StringMatch_Exact{Exact: m.Exact}}
}

func fromDestination(d mesh.Destination) *Destination {
	return &Destination{
		Service: string(d.Service), Subset: d.Subset, Weight: d.Weight, Port: uint32(d.Port), Headers: fromHeaderEdits(d.Headers),
		Fail: int64(d.Fail), Absent: int64(d.Absent), Rewrite: fromRewrite(d.Rewrite),
	}
}

func fromStreamRoute(r mesh.StreamRoute) *StreamRoute {
	return &StreamRoute{
		Name:         r.Name,
		Matches:      each(r.Matches, fromStreamMatch),
		Destinations: each(r.Destinations, fromDestination),
	}
}

func fromStreamMatch(m mesh.StreamMatch) *StreamMatch {
	return &StreamMatch{
		Tls: m.TLS, Sni: m.SNI, Port: m.Port, SourceNamespace: m.SourceNamespace, SourceLabels: m.SourceLabels,
	}
}
