package config

import (
	"fmt"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// sidecarKind reads Istio's Sidecar, for the services that workloads see: the hosts of
// one egress listener for everything. Listeners of their own are refused.
func sidecarKind() kind {
	return kind{
		shape:    func() shape { return messageShape((&networking.Sidecar{}).ProtoReflect().Descriptor()) },
		supports: func(rule string) bool { return sidecarFields[rule] },
		refuses:  sidecarRefuses.of,
		accepts:  sidecarAccepts,
		fill: func(o *Object, spec map[string]any) error {
			o.Sidecar = &networking.Sidecar{}
			return unmarshal(spec, o.Sidecar)
		},
	}
}

var sidecarFields = fieldSet(map[string]string{
	"": "workloadSelector egress", "workloadSelector": "labels", "egress": "hosts",
})

// sidecarAccepts says what is wrong with a value of a supported field.
func sidecarAccepts(rule string, value any) string {
	switch rule {
	case "egress":
		if entries, _ := value.([]any); len(entries) > 1 {
			return "has several listeners, which only a port could tell apart, and ports are not supported; put all hosts into one"
		}
	case "workloadSelector.labels":
		return selectorAccepts("selector.matchLabels", value)
	}
	return ""
}

// Egress are the services that a workload sees: those that any of its hosts names.
type Egress []EgressHost

// EgressHost names services: those of a namespace, or of any if it is "", whose name
// fits.
type EgressHost struct {
	Namespace string
	Host      string // whole, "*.suffix", or "*"
}

// OwnNamespace stands for the namespace of each workload.
const OwnNamespace = "."

// parseEgressHost reads "namespace/host" as it stands in a resource of a namespace.
func parseEgressHost(s, own string) (h EgressHost, none bool, err error) {
	namespace, host, ok := strings.Cut(s, "/")
	switch {
	case !ok || strings.Contains(host, "/"):
		return h, false, fmt.Errorf("%q is not namespace/host; want one such as ./*, shop/* or */reviews.shop.svc.cluster.local", s)
	case namespace == "~":
		if host != "*" {
			return h, false, fmt.Errorf("%q: ~ stands for no namespace at all; want ~/*", s)
		}
		return h, true, nil
	case namespace == OwnNamespace && !mesh.IsRoot(own): // there it is that of each workload
		namespace = own
	case namespace == OwnNamespace:
	case namespace == "*":
		namespace = ""
	case !mesh.IsLabel(namespace):
		return h, false, fmt.Errorf("%q: %q is not a namespace; want its name, . for that of the resource, * for any or ~ for none", s, namespace)
	}
	if host = strings.ToLower(host); host != "*" {
		err = serverName(host)
	}
	return EgressHost{namespace, host}, false, err
}

// serverName holds a host against the names there are, and "*." before one.
func serverName(host string) error {
	for label := range strings.SplitSeq(strings.TrimPrefix(host, "*."), ".") {
		if !mesh.IsLabel(label) {
			return fmt.Errorf("%q is not a host; want *, one such as reviews.shop.svc.cluster.local, or *.shop.svc.cluster.local", host)
		}
	}
	return nil
}

// Egress are the services that those see whom a Sidecar is for.
func (o Object) Egress() Egress {
	out := Egress{} // sees nothing, which nil is not
	for _, l := range o.Sidecar.GetEgress() {
		for _, s := range l.GetHosts() {
			if h, none, err := parseEgressHost(s, o.Namespace); err == nil && !none {
				out = append(out, h)
			}
		}
	}
	return out
}

// Sees reports whether a service is among them. Nil sees everything.
func (e Egress) Sees(s mesh.ServiceName) bool {
	if e == nil {
		return true
	}
	for i := range e {
		if e[i].names(s) {
			return true
		}
	}
	return false
}

func (h *EgressHost) names(s mesh.ServiceName) bool {
	if h.Namespace != "" && h.Namespace != s.Namespace() {
		return false
	}
	if h.Host == "*" {
		return true
	}
	full := s.Name() + "." + s.Namespace() + ".svc.cluster.local"
	if suffix, ok := strings.CutPrefix(h.Host, "*"); ok {
		return strings.HasSuffix(full, suffix)
	}
	named, err := mesh.ResolveHost(h.Host, s.Namespace())
	return err == nil && named == s
}

func (v *validator) sidecar(s *networking.Sidecar) {
	o := v.object
	if mesh.IsRoot(o.Namespace) && len(o.Selector()) > 0 {
		v.fault("spec.workloadSelector", "has no effect in namespace %s, where a Sidecar is for the whole mesh; leave it out, or move the resource to the namespace of the workloads", o.Namespace)
		return
	}
	v.selects()
	if len(s.GetEgress()) == 0 || len(s.GetEgress()[0].GetHosts()) == 0 {
		v.fault("spec.egress", "names no hosts; want those that are seen, such as ./*, or ~/* for none")
		return
	}
	for i, host := range s.GetEgress()[0].GetHosts() {
		if _, _, err := parseEgressHost(host, o.Namespace); err != nil {
			v.fault(fmt.Sprintf("spec.egress[0].hosts[%d]", i), "%v", err)
		}
	}
	v.alone(v.sidecars, "spec.workloadSelector")
	v.sidecars = append(v.sidecars, o)
}
