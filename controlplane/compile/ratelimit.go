package compile

import (
	"fmt"
	"strings"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func rates(o config.Object) (rates []mesh.RateRule, inFlight []mesh.InFlight) {
	name := o.Namespace + "/" + o.Name
	for i, r := range o.RateLimit.Rules {
		rates = append(rates, mesh.RateRule{
			Name: fmt.Sprintf("%s rule %d", name, i), Match: rule(r.Match, o.Namespace),
			Requests: r.Requests, Unit: r.Unit, Burst: r.Burst,
			PerCaller: r.Per == "caller", PerHeader: strings.ToLower(r.Header),
		})
	}
	if in := o.RateLimit.InFlight; in != nil {
		inFlight = []mesh.InFlight{{
			Name: name, Requests: in.Requests, PerCaller: in.PerCaller, Connections: in.Connections, Adaptive: in.Adaptive,
		}}
	}
	return rates, inFlight
}
