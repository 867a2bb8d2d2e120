package config

import (
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// ServiceEntry makes services known that no sidecar registers, under names of the mesh's
// own form or of hosts outside such as api.example.com, with where their instances are.
type ServiceEntry struct {
	Services   []mesh.ServiceName
	Ports      []ServicePort
	Resolution Resolution
	Endpoints  []*WorkloadEntry
	Selector   map[string]string // of workloads that belong to it; nil is none
	Names      []string          // of which servers have to prove one, where TLS is made with them
	Onward     []string          // hosts, wildcards among them, of resolution NONE; there are no Services then

	outside bool // its workloads are not of the mesh
}

// Resolution is how the addresses of a ServiceEntry's instances are known.
type Resolution string

// The resolutions that know of instances.
const (
	ResolveStatic Resolution = "STATIC"          // they are written down
	ResolveDNS    Resolution = "DNS"             // every address of a name is an instance
	ResolveOneDNS Resolution = "DNS_ROUND_ROBIN" // one of a name's addresses at a time is
)

func serviceEntryKind() kind {
	return kind{
		shape:    func() shape { return messageShape((&networking.ServiceEntry{}).ProtoReflect().Descriptor()) },
		supports: func(rule string) bool { return serviceEntryFields[rule] },
		refuses:  serviceEntryRefuses.of,
		accepts:  serviceEntryAccepts,
		fill: func(o *Object, spec map[string]any) error {
			var s networking.ServiceEntry
			if err := unmarshal(spec, &s); err != nil {
				return err
			}
			written := at[string](spec, "resolution") // else it cannot be told from none
			return readServiceEntry(o, &s, Resolution(written))
		},
	}
}

var serviceEntryFields = fieldSet(map[string]string{
	"":                 "hosts ports location resolution endpoints workloadSelector subjectAltNames exportTo",
	"ports":            "number name protocol targetPort",
	"endpoints":        "address ports labels locality serviceAccount",
	"workloadSelector": "labels",
})

// entryProtocols are what can be carried to where no sidecar is. TLS is the caller's own.
var entryProtocols = map[string]mesh.AppProtocol{
	"HTTP": mesh.HTTP, "HTTP2": mesh.HTTP2, "GRPC": mesh.GRPC, "TCP": mesh.TCP, "TLS": mesh.TLS, "HTTPS": mesh.TLS,
}

func serviceEntryAccepts(rule string, value any) string {
	word, _ := value.(string)
	switch rule {
	case "resolution":
		if word == "DYNAMIC_DNS" {
			return show(value) + " is not supported: it is for hosts with a wildcard, and " + noWildcard
		}
	case "ports.protocol":
		if entryProtocols[word] == "" {
			return show(value) + " is not supported; want " + enumerate(slices.Sorted(maps.Keys(entryProtocols)))
		}
	case "exportTo":
		if !slices.Equal(words(value), []string{"*"}) {
			return show(value) + ` is not supported: an entry is there for every caller; want "*" or none, and a Sidecar for who is not to see it`
		}
	case "workloadSelector.labels":
		return selectorAccepts("selector.matchLabels", value)
	default:
		return endpointAccepts(rule, word)
	}
	return ""
}

// dnsName is a name that can be asked for: of an address, or with leading underscores of
// an SRV record.
var dnsName = regexp.MustCompile(`^(_[a-z0-9-]{1,62}\._(tcp|udp)\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)

// isAddress reports whether a machine has this address, rather than this name.
func isAddress(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Zone() == "" && !a.IsUnspecified()
}

func endpointAccepts(rule, word string) string {
	switch rule {
	case "endpoints.address":
		if !isAddress(word) && (!dnsName.MatchString(word) || len(word) > 253) {
			return show(word) + " is not an address that can be called; want one such as 10.0.0.7, or a whole name such as db.example.com"
		}
	case "endpoints.locality":
		if _, err := mesh.ParseLocality(word); err != nil {
			return err.Error()
		}
	}
	return ""
}

// readServiceEntry reads what serviceEntryAccepts has let through.
func readServiceEntry(o *Object, s *networking.ServiceEntry, by Resolution) error {
	r := validator{object: *o}
	out := &ServiceEntry{
		Resolution: by, Names: s.GetSubjectAltNames(),
		outside: s.GetLocation() == networking.ServiceEntry_MESH_EXTERNAL,
	}
	if by == ResolveNone {
		r.onward(out, s)
	} else {
		r.entryHosts(out, s)
	}
	if len(s.GetHosts()) == 0 {
		r.fault("spec.hosts", "is empty; want the name of at least one service")
	}
	if len(s.GetPorts()) == 0 {
		r.fault("spec.ports", "is missing; want the ports of the service")
	}
	for i, p := range s.GetPorts() {
		out.Ports = append(out.Ports, r.entryPort(p, fmt.Sprintf("spec.ports[%d]", i)))
	}
	if len(r.findings) == 0 {
		r.servicePorts(out.Ports, "number")
	}
	if by == ResolveNone {
		return r.entry(o, out)
	}
	for i, e := range s.GetEndpoints() {
		out.Endpoints = append(out.Endpoints, r.entryEndpoint(s, e, fmt.Sprintf("spec.endpoints[%d]", i)))
	}
	if s.GetWorkloadSelector() != nil {
		if out.Selector = s.GetWorkloadSelector().GetLabels(); len(out.Selector) == 0 {
			r.fault("spec.workloadSelector.labels", "is empty; want the labels of the workloads, or leave the selector out")
		}
	}
	r.resolved(out, s)
	return r.entry(o, out)
}

// entry gives the object its entry, if nothing is wrong with it.
func (v *validator) entry(o *Object, e *ServiceEntry) error {
	if len(v.findings) > 0 {
		return &Error{Findings: v.findings}
	}
	o.ServiceEntry = e
	return nil
}

// entryHosts are the services that an entry makes.
func (v *validator) entryHosts(out *ServiceEntry, s *networking.ServiceEntry) {
	for i, host := range s.GetHosts() {
		at := fmt.Sprintf("spec.hosts[%d]", i)
		if strings.HasPrefix(host, "*") {
			v.find(CodeUnsupported, at, "%q is not supported with resolution %s: %s", host, s.GetResolution(), noWildcard)
			continue
		}
		if name, ok := v.service(host, at); ok {
			out.Services = append(out.Services, name)
		}
	}
}

func (v *validator) entryPort(p *networking.ServicePort, at string) ServicePort {
	if entryProtocols[p.GetProtocol()] == "" {
		v.fault(at+".protocol", "is missing; want %s", enumerate(slices.Sorted(maps.Keys(entryProtocols))))
	}
	v.port(p.GetNumber(), at+".number")
	v.port(p.GetTargetPort(), at+".targetPort")
	return ServicePort{
		Port:   mesh.Port{Number: uint16(p.GetNumber()), Name: p.GetName(), Protocol: entryProtocols[p.GetProtocol()]}, //nolint:gosec // checked
		Target: uint16(p.GetTargetPort()),                                                                              //nolint:gosec // checked
	}
}

// entryEndpoint is one endpoint of an entry. A workload of the mesh proves an account, and
// what is outside has none.
func (v *validator) entryEndpoint(s *networking.ServiceEntry, e *networking.WorkloadEntry, at string) *WorkloadEntry {
	inside := s.GetLocation() == networking.ServiceEntry_MESH_INTERNAL
	switch {
	case inside && e.GetServiceAccount() == "":
		v.fault(at+".serviceAccount", "is missing: a workload of the mesh is called over mutual TLS, and has to prove an account; want that, or location MESH_EXTERNAL")
	case !inside && e.GetServiceAccount() != "":
		v.fault(at+".serviceAccount", "%q has no effect where location is MESH_EXTERNAL: nobody there proves one; want location MESH_INTERNAL", e.GetServiceAccount())
	}
	for _, name := range slices.Sorted(maps.Keys(e.GetPorts())) {
		if !slices.ContainsFunc(s.GetPorts(), func(p *networking.ServicePort) bool { return p.GetName() == name }) {
			v.fault(fmt.Sprintf("%s.ports[%q]", at, name), "is no port of the entry; want the name of one in spec.ports")
		}
	}
	return v.workload(e, at)
}

// resolved looks at whether there is anything to find instances by.
func (v *validator) resolved(e *ServiceEntry, s *networking.ServiceEntry) {
	if e.Selector != nil && len(e.Endpoints) > 0 {
		v.fault("spec.workloadSelector", "cannot stand beside endpoints; keep one")
	}
	switch e.Resolution {
	default:
		v.fault("spec.resolution", "is missing; want STATIC, with endpoints, DNS, or NONE")
	case ResolveStatic:
		v.atAddresses(e.Endpoints)
		if s.GetWorkloadSelector() == nil && len(e.Endpoints) == 0 {
			v.fault("spec.endpoints", "is empty; want at least one address, or a workloadSelector")
		}
	case ResolveDNS, ResolveOneDNS:
		if e.Selector == nil && len(e.Endpoints) == 0 {
			v.askable(e.Services)
		}
	}
}

// atAddresses looks at endpoints that nobody is asked for.
func (v *validator) atAddresses(endpoints []*WorkloadEntry) {
	for i, w := range endpoints {
		if w.Address != "" && !isAddress(w.Address) {
			v.fault(fmt.Sprintf("spec.endpoints[%d].address", i), "%q is a name, and resolution is STATIC; want an address such as 10.0.0.7, or resolution DNS", w.Address)
		}
	}
}

// askable looks at hosts that are asked for themselves.
func (v *validator) askable(hosts []mesh.ServiceName) {
	for i, name := range hosts {
		if !name.Outside() && !dnsName.MatchString(string(name)) {
			v.fault(fmt.Sprintf("spec.hosts[%d]", i), "%q is no whole name that DNS could be asked for; want one such as api.example.com, or endpoints", name)
		}
	}
}
