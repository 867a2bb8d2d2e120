package config

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// ServiceEntry makes services known that have no sidecars, with the addresses of their
// instances. Those are called without the mesh's TLS, as nothing there would end it.
type ServiceEntry struct {
	Services  []mesh.ServiceName
	Instances []mesh.Instance // of each of them; without a service and an id
}

// serviceEntryKind reads Istio's ServiceEntry as far as its hosts have the form of the
// mesh's own names, and its addresses are written in it.
func serviceEntryKind() kind {
	return kind{
		shape:    func() shape { return messageShape((&networking.ServiceEntry{}).ProtoReflect().Descriptor()) },
		supports: func(rule string) bool { return serviceEntryFields[rule] },
		accepts:  serviceEntryAccepts,
		fill: func(o *Object, spec map[string]any) error {
			var s networking.ServiceEntry
			if err := unmarshal(spec, &s); err != nil {
				return err
			}
			return readServiceEntry(o, &s)
		},
	}
}

var serviceEntryFields = fieldSet(map[string]string{
	"": "hosts ports location resolution endpoints", "ports": "number name protocol targetPort",
	"endpoints": "address ports labels locality",
})

// entryProtocols are what can be carried to where no sidecar is. TLS is the caller's own.
var entryProtocols = map[string]mesh.AppProtocol{
	"HTTP": mesh.HTTP, "HTTP2": mesh.HTTP2, "GRPC": mesh.GRPC, "TCP": mesh.TCP, "TLS": mesh.TLS, "HTTPS": mesh.TLS,
}

func serviceEntryAccepts(rule string, value any) string {
	switch rule {
	case "location":
		if value != "MESH_EXTERNAL" {
			return show(value) + " is not supported: a workload with a sidecar joins by itself; want MESH_EXTERNAL"
		}
	case "resolution":
		if value != "STATIC" {
			return show(value) + " is not supported yet; want STATIC, with the addresses as endpoints"
		}
	case "ports":
		if length(value) != 1 {
			return fmt.Sprintf("has %d entries; want exactly one", length(value))
		}
	case "ports.protocol":
		if word, _ := value.(string); entryProtocols[word] == "" {
			return show(value) + " is not supported; want " + enumerate(slices.Sorted(maps.Keys(entryProtocols)))
		}
	default:
		word, _ := value.(string)
		return endpointAccepts(rule, word)
	}
	return ""
}

func endpointAccepts(rule, word string) string {
	switch rule {
	case "endpoints.address":
		if a, err := netip.ParseAddr(word); err != nil || a.Zone() != "" || a.IsUnspecified() {
			return show(word) + " is not an address that can be called; want one such as 10.0.0.7"
		}
	case "endpoints.locality":
		if _, err := mesh.ParseLocality(word); err != nil {
			return err.Error()
		}
	}
	return ""
}

// readServiceEntry reads what serviceEntryAccepts has let through.
func readServiceEntry(o *Object, s *networking.ServiceEntry) error {
	r := validator{object: *o}
	out := &ServiceEntry{}
	for i, host := range s.GetHosts() {
		if name, ok := r.service(host, fmt.Sprintf("spec.hosts[%d]", i)); ok {
			out.Services = append(out.Services, name)
		}
	}
	if len(s.GetHosts()) == 0 {
		r.fault("spec.hosts", "is empty; want the name of at least one service")
	}
	if s.GetResolution() != networking.ServiceEntry_STATIC {
		r.fault("spec.resolution", "is missing; want STATIC, with the addresses as endpoints")
	}
	if len(s.GetPorts()) == 0 {
		r.fault("spec.ports", "is missing; want the port of the endpoints")
	}
	if len(s.GetEndpoints()) == 0 {
		r.fault("spec.endpoints", "is empty; want at least one address")
	}
	for _, p := range s.GetPorts() {
		if entryProtocols[p.GetProtocol()] == "" {
			r.fault("spec.ports[0].protocol", "is missing; want %s", enumerate(slices.Sorted(maps.Keys(entryProtocols))))
		}
		r.port(p.GetNumber(), "spec.ports[0].number")
		r.port(p.GetTargetPort(), "spec.ports[0].targetPort")
		for i, e := range s.GetEndpoints() {
			out.Instances = append(out.Instances, r.endpoint(e, p, fmt.Sprintf("spec.endpoints[%d]", i)))
		}
	}
	if len(r.findings) > 0 {
		return &Error{Findings: r.findings}
	}
	o.ServiceEntry = out
	return nil
}

// endpoint is where one instance of the service is: at the port that the endpoint gives
// for the service's by name, else at the target port, else at the port itself.
func (v *validator) endpoint(e *networking.WorkloadEntry, p *networking.ServicePort, at string) mesh.Instance {
	port := p.GetNumber()
	if p.GetTargetPort() != 0 {
		port = p.GetTargetPort()
	}
	for name, own := range e.GetPorts() {
		if name != p.GetName() {
			v.fault(fmt.Sprintf("%s.ports[%q]", at, name), "is no port of the entry; want %q", p.GetName())
		}
		port = own
		v.port(own, fmt.Sprintf("%s.ports[%q]", at, name))
	}
	if port == 0 {
		v.fault(at, "has no port; give spec.ports[0].number")
	}
	address, err := netip.ParseAddr(e.GetAddress())
	if err != nil {
		v.fault(at+".address", "is missing; want one such as 10.0.0.7")
	}
	return mesh.Instance{
		Version: mesh.Version(e.GetLabels()["version"]), Address: netip.AddrPortFrom(address, uint16(port)), //nolint:gosec // checked
		Labels: e.GetLabels(), State: mesh.Ready, Plaintext: true,
		AppProtocol: entryProtocols[p.GetProtocol()], AppPort: uint16(port), //nolint:gosec // checked
		Locality: mesh.Locality(e.GetLocality()),
	}
}
