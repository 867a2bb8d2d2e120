package config

import (
	"fmt"
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// ResolveNone is that of hosts whose addresses nobody knows but who connects to them: what
// the kernel redirects to a sidecar goes on to where it was going.
const ResolveNone Resolution = "NONE"

// onward reads an entry of resolution NONE. It makes no service: there is nothing to choose
// among, and nobody's name is asked for, so that a host may be a wildcard.
func (v *validator) onward(out *ServiceEntry, s *networking.ServiceEntry) {
	for i, host := range s.GetHosts() {
		host = strings.ToLower(host)
		if bare := strings.TrimPrefix(host, "*."); !dnsName.MatchString(bare) || strings.HasPrefix(bare, "_") || len(host) > 253 {
			v.fault(fmt.Sprintf("spec.hosts[%d]", i), "%q is no host outside, with or without a wildcard; want one such as api.example.com or *.example.com, and for any host at all a sidecar's --outbound-policy=allow-any", host)
		}
		out.Onward = append(out.Onward, host)
	}
	if s.GetLocation() == networking.ServiceEntry_MESH_INTERNAL {
		v.fault("spec.location", "MESH_INTERNAL has instances that prove who they are, and resolution NONE none; want MESH_EXTERNAL")
	}
	for i, p := range s.GetPorts() {
		at := fmt.Sprintf("spec.ports[%d]", i)
		if p.GetProtocol() == "TCP" {
			v.fault(at+".protocol", "TCP says no host by which the entry could be told, with resolution NONE; want HTTP, HTTP2, GRPC, TLS or HTTPS, or resolution DNS")
		}
		if p.GetTargetPort() != 0 {
			v.fault(at+".targetPort", "%d has no meaning with resolution NONE: connections go on to the port they were made to; leave it out", p.GetTargetPort())
		}
	}
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"endpoints", len(s.GetEndpoints()) > 0},
		{"workloadSelector", s.GetWorkloadSelector() != nil},
		{"subjectAltNames", len(s.GetSubjectAltNames()) > 0},
	} {
		if f.set {
			v.fault("spec."+f.name, "has no meaning with resolution NONE: connections go on to where they were going; leave it out, or want another resolution")
		}
	}
}

// passed are the hosts of entries of resolution NONE that no wildcard stands for, by whose
// they are: nothing else can be said of them.
func passed(all []Object) map[mesh.ServiceName]string {
	out := map[mesh.ServiceName]string{}
	for _, o := range all {
		if o.ServiceEntry == nil {
			continue
		}
		for _, host := range o.ServiceEntry.Onward {
			if s, err := mesh.ResolveHost(host, o.Namespace); err == nil {
				out[s] = o.Key()
			}
		}
	}
	return out
}

// Onward is what a workload that sees these services may call of an entry of resolution
// NONE; false is nothing.
func (o Object) Onward(sees Egress) (mesh.Onward, bool) {
	out := mesh.Onward{Entry: o.Namespace + "/" + o.Name}
	for _, host := range o.ServiceEntry.Onward {
		for _, h := range sees.within(host, o.Namespace) {
			if !slices.ContainsFunc(out.Hosts, func(have mesh.OnwardHost) bool { return have.Host == h }) {
				out.Hosts = append(out.Hosts, mesh.OnwardHost{Host: h, Name: host})
			}
		}
	}
	for _, p := range o.ServiceEntry.Ports {
		out.Ports = append(out.Ports, mesh.OnwardPort{Number: p.Number, TLS: p.Protocol == mesh.TLS})
	}
	return out, len(out.Hosts) > 0
}

// within is the part of a host, which may be a wildcard, that is seen.
func (e Egress) within(host, namespace string) (out []string) {
	if e == nil {
		return []string{host}
	}
	for _, h := range e {
		switch {
		case h.Namespace != "" && h.Namespace != namespace:
		case h.Host == "*", covers(h.Host, host):
			return []string{host}
		case covers(host, h.Host):
			out = append(out, h.Host)
		}
	}
	return out
}

// covers reports whether every host that narrow stands for is one of wide.
func covers(wide, narrow string) bool {
	suffix, wild := strings.CutPrefix(wide, "*")
	return wide == narrow || wild && strings.HasSuffix(strings.TrimPrefix(narrow, "*"), suffix)
}
