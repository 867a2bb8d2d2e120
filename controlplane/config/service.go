package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Service is Kubernetes' core Service, as far as it says something between workloads: a
// name for those of its namespace that carry labels, and the ports it is asked for at.
// Sidecars that joined under the name belong to it whatever it selects.
type Service struct {
	Name      mesh.ServiceName
	Namespace string            // of the workloads
	Selector  map[string]string // empty selects none
	Ports     []ServicePort
}

// ServicePort is one port of a Service, and where workloads have it.
type ServicePort struct {
	mesh.Port
	Target     uint16 // 0 is Number, or where TargetName says
	TargetName string // of a port of the workload
}

func serviceKind() kind {
	return kind{
		shape:    serviceShape,
		supports: func(rule string) bool { return serviceFields[rule] },
		refuses:  serviceRefuses.of,
		accepts:  serviceAccepts,
		fill:     fillService,
	}
}

// serviceShape is that of core/v1 ServiceSpec; written out, as its package would bring
// all of Kubernetes' types for one.
func serviceShape() shape {
	port := object(map[string]shape{
		"name": text(), "protocol": text(), "appProtocol": text(),
		"port": whole(1, 65535), "targetPort": portOrName(), "nodePort": whole(0, 65535),
	})
	return object(map[string]shape{
		"selector": dict(text()), "ports": list(port), "type": text(),
		"clusterIP": text(), "clusterIPs": list(text()), "externalIPs": list(text()), "externalName": text(),
		"sessionAffinity": text(), "sessionAffinityConfig": object(map[string]shape{"clientIP": object(map[string]shape{"timeoutSeconds": number()})}),
		"loadBalancerIP": text(), "loadBalancerSourceRanges": list(text()), "loadBalancerClass": text(),
		"allocateLoadBalancerNodePorts": boolean(), "externalTrafficPolicy": text(), "internalTrafficPolicy": text(),
		"healthCheckNodePort": number(), "publishNotReadyAddresses": boolean(),
		"ipFamilies": list(text()), "ipFamilyPolicy": text(), "trafficDistribution": text(),
	})
}

func portOrName() shape {
	number := whole(1, 65535)
	return shape{want: "a port, or the name of one", fits: func(v any) bool {
		_, named := v.(string)
		return named || number.fits(v)
	}}
}

var serviceFields = fieldSet(map[string]string{
	"":      "selector ports type clusterIP sessionAffinity internalTrafficPolicy",
	"ports": "name protocol appProtocol port targetPort",
})

// inert are the values of fields about Kubernetes' own networks that say what is so anyway.
var inert = map[string]struct{ takes, why string }{
	"type":                  {"ClusterIP", "the mesh carries calls between workloads, and opens no ports to the outside; want ClusterIP or none"},
	"clusterIP":             {"None", "a service is asked for by its name, and has no address of its own; want None, or leave it out"},
	"sessionAffinity":       {"None", "want a DestinationRule with consistentHash.useSourceIp"},
	"internalTrafficPolicy": {"Cluster", "every instance may be called from everywhere; want Cluster, or leave it out"},
	"ports.protocol":        {"TCP", "the mesh carries TCP; want TCP, or leave it out"},
}

func serviceAccepts(rule string, value any) string {
	word, _ := value.(string)
	if rule == "type" && word == "ExternalName" {
		return `"ExternalName" is not supported: a Service names workloads of the mesh; want a ServiceEntry with resolution DNS`
	}
	if field, ok := inert[rule]; ok && word != field.takes && word != "" {
		return show(value) + " is not supported: " + field.why
	}
	return ""
}

func fillService(o *Object, spec map[string]any) error {
	r := validator{object: *o}
	s := &Service{Name: mesh.NewServiceName(o.Name, o.Namespace), Namespace: o.Namespace, Selector: textsOf(spec["selector"])}
	if !mesh.IsLabel(o.Name) {
		r.fault("metadata.name", "%q is not a DNS label, as the name of a service has to be", o.Name)
	}
	for _, one := range at[[]any](spec, "ports") {
		s.Ports = append(s.Ports, readServicePort(one))
		if said := at[string](one, "appProtocol"); said != "" && spoken[strings.ToLower(said)] == "" {
			r.fault(fmt.Sprintf("spec.ports[%d].appProtocol", len(s.Ports)-1), "%s is not supported; want %s", show(said), enumerate(spokenWords()))
		}
	}
	r.servicePorts(s.Ports, "port")
	if len(r.findings) > 0 {
		return &Error{Findings: r.findings}
	}
	o.Service = s
	return nil
}

// servicePorts looks at the ports of a service, whose number is in the field of that name.
func (v *validator) servicePorts(ports []ServicePort, field string) {
	names, numbers := map[string]bool{}, map[uint16]bool{}
	for i, p := range ports {
		path := fmt.Sprintf("spec.ports[%d].", i)
		switch {
		case p.Number == 0:
			v.fault(path+field, "is missing; want one from 1 to 65535")
		case numbers[p.Number]:
			v.fault(path+field, "%d is there twice", p.Number)
		}
		switch {
		case p.Name == "" && len(ports) > 1:
			v.fault(path+"name", "is missing; of several ports each has one")
		case p.Name != "" && !mesh.IsLabel(p.Name):
			v.fault(path+"name", "%q is not a DNS label (lower-case letters, digits, hyphens)", p.Name)
		case p.Name != "" && names[p.Name]:
			v.fault(path+"name", "%q is there twice", p.Name)
		}
		names[p.Name], numbers[p.Number] = true, true
	}
	if len(ports) > mesh.MaxPorts {
		v.fault("spec.ports", "has %d entries; at most %d are taken", len(ports), mesh.MaxPorts)
	}
}

func readServicePort(one any) ServicePort {
	p := ServicePort{
		Port:       mesh.Port{Number: uint16(at[int](one, "port")), Name: at[string](one, "name")}, //nolint:gosec // its shape says so
		Target:     uint16(at[int](one, "targetPort")),                                             //nolint:gosec // its shape says so
		TargetName: at[string](one, "targetPort"),
	}
	if said := at[string](one, "appProtocol"); said != "" {
		p.Protocol = spoken[strings.ToLower(said)]
	} else {
		p.Protocol = mesh.ProtocolOf(p.Name)
	}
	return p
}

// spoken are the words for what is spoken on a port: Istio's, and Kubernetes' own.
var spoken = map[string]mesh.AppProtocol{
	"http": mesh.HTTP, "http2": mesh.HTTP2, "grpc": mesh.GRPC, "grpc-web": mesh.HTTP, "tcp": mesh.TCP,
	"tls": mesh.TLS, "https": mesh.TLS, "kubernetes.io/h2c": mesh.HTTP2, "kubernetes.io/ws": mesh.HTTP,
}

func spokenWords() (out []string) {
	for w := range spoken {
		out = append(out, w)
	}
	slices.Sort(out)
	return out
}
