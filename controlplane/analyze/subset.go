package analyze

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// unusedSubsets finds the subsets of a DestinationRule that no route names.
func (a *analyzer) unusedSubsets() {
	hosts := a.object.Hosts()
	if len(hosts) == 0 {
		return
	}
	var unused []string
	used, path := a.usedSubsets(hosts[0]), ""
	for i, sub := range a.object.DestinationRule.GetSubsets() {
		if sub.GetName() == "" || used[sub.GetName()] {
			continue
		}
		unused = append(unused, strconv.Quote(sub.GetName()))
		path = cmp.Or(path, fmt.Sprintf("spec.subsets[%d]", i))
	}
	if len(unused) > 0 {
		a.find(config.CodeUnusedSubset, path, "no route sends requests to %s; name it in a VirtualService if it is to get any", strings.Join(unused, ", "))
	}
}

func (a *analyzer) usedSubsets(s mesh.ServiceName) map[string]bool {
	used := map[string]bool{}
	for _, o := range a.all {
		for _, d := range destinations(o.VirtualService) {
			if to, err := mesh.ResolveHost(d.GetHost(), o.Namespace); err == nil && to == s {
				used[d.GetSubset()] = true
			}
		}
	}
	return used
}

// destinations are all that a VirtualService names, mirrors too.
func destinations(s *networking.VirtualService) (out []*networking.Destination) {
	for _, h := range s.GetHttp() {
		for _, d := range h.GetRoute() {
			out = append(out, d.GetDestination())
		}
		if h.GetMirror() != nil {
			out = append(out, h.GetMirror())
		}
		for _, m := range h.GetMirrors() {
			out = append(out, m.GetDestination())
		}
	}
	for _, t := range s.GetTcp() {
		for _, d := range t.GetRoute() {
			out = append(out, d.GetDestination())
		}
	}
	for _, t := range s.GetTls() {
		for _, d := range t.GetRoute() {
			out = append(out, d.GetDestination())
		}
	}
	return out
}
