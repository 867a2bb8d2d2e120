package config

import (
	"fmt"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// streamRoutes looks at the routes of connections that carry no HTTP.
func (v *validator) streamRoutes(s *networking.VirtualService) {
	for i, t := range s.GetTcp() {
		path := fmt.Sprintf("spec.tcp[%d]", i)
		for j, m := range t.GetMatch() {
			at := fmt.Sprintf("%s.match[%d]", path, j)
			v.addressed(m.GetPort(), at+".port")
			v.source(m.GetSourceNamespace(), at+".sourceNamespace")
		}
		v.streamShares(t.GetRoute(), path)
	}
	for i, t := range s.GetTls() {
		path := fmt.Sprintf("spec.tls[%d]", i)
		if len(t.GetMatch()) == 0 {
			v.fault(path+".match", "is empty; want at least one with sniHosts")
		}
		for j, m := range t.GetMatch() {
			at := fmt.Sprintf("%s.match[%d]", path, j)
			if len(m.GetSniHosts()) == 0 {
				v.fault(at+".sniHosts", "is empty; want the names that clients ask for")
			}
			for k, name := range m.GetSniHosts() {
				v.serverName(name, fmt.Sprintf("%s.sniHosts[%d]", at, k))
			}
			v.addressed(m.GetPort(), at+".port")
			v.source(m.GetSourceNamespace(), at+".sourceNamespace")
		}
		v.streamShares(t.GetRoute(), path)
	}
}

func (v *validator) streamShares(route []*networking.RouteDestination, path string) {
	if len(route) == 0 {
		v.fault(path+".route", "is empty; want at least one destination")
	}
	shares := make([]weighted, 0, len(route))
	for _, d := range route {
		shares = append(shares, weighted{d.GetDestination(), d.GetWeight()})
	}
	v.shares(shares, path+".route")
}

func (v *validator) serverName(name, path string) {
	plain := strings.TrimPrefix(name, "*.")
	for label := range strings.SplitSeq(strings.ToLower(plain), ".") {
		if !mesh.IsLabel(label) {
			v.fault(path, "%q is not a server name; want one such as db.shop or *.shop", name)
			return
		}
	}
}
