package compile

import (
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func match(m *networking.HTTPMatchRequest) mesh.Match {
	return mesh.Match{
		Name:            m.GetName(),
		Path:            stringMatch(m.GetUri()),
		Scheme:          stringMatch(m.GetScheme()),
		Method:          stringMatch(m.GetMethod()),
		Authority:       stringMatch(m.GetAuthority()),
		Headers:         byName(m.GetHeaders(), strings.ToLower),
		Without:         byName(m.GetWithoutHeaders(), strings.ToLower),
		Query:           byName(m.GetQueryParams(), strings.Clone),
		IgnoreCase:      m.GetIgnoreUriCase(),
		Port:            m.GetPort(),
		SourceNamespace: m.GetSourceNamespace(),
		SourceLabels:    m.GetSourceLabels(),
	}
}

// byName is nil for a name whose match only asks for presence.
func byName(by map[string]*networking.StringMatch, spell func(string) string) map[string]*mesh.StringMatch {
	if len(by) == 0 {
		return nil
	}
	out := make(map[string]*mesh.StringMatch, len(by))
	for name, m := range by {
		out[spell(name)] = nil
		if !config.Present(m) {
			out[spell(name)] = stringMatch(m)
		}
	}
	return out
}

// stringMatch is nil where the manifest compares nothing: any value will do.
func stringMatch(m *networking.StringMatch) *mesh.StringMatch {
	switch is := m.GetMatchType().(type) {
	case *networking.StringMatch_Exact:
		return &mesh.StringMatch{Exact: is.Exact}
	case *networking.StringMatch_Prefix:
		return &mesh.StringMatch{Prefix: is.Prefix}
	case *networking.StringMatch_Regex:
		return &mesh.StringMatch{Regex: is.Regex}
	}
	return nil
}
