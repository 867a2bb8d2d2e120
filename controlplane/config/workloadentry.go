package config

import (
	"fmt"
	"maps"
	"net/netip"
	"strings"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// WorkloadEntry is one workload whose sidecar, if there is any, does not register it. It
// belongs to the Services of its namespace that select its labels.
type WorkloadEntry struct {
	Address  string // of a machine, or a name in DNS that has some
	Ports    map[string]uint16
	Labels   map[string]string
	Locality mesh.Locality
	// Account is the service account that its sidecar proves to be. Without one there is
	// no sidecar, and nothing that a caller could verify.
	Account string
	// Draining says that it takes no new requests: it is about to go.
	Draining bool
}

// StateAnnotation has, at "draining", a WorkloadEntry take no new requests, while those
// under way end; at "ready" it does as without.
const StateAnnotation = "sightline.dev/state"

func workloadEntryKind() kind {
	return kind{
		shape:    func() shape { return messageShape((&networking.WorkloadEntry{}).ProtoReflect().Descriptor()) },
		supports: func(rule string) bool { return workloadEntryFields[rule] },
		refuses:  workloadEntryRefuses.of,
		accepts: func(rule string, value any) string {
			word, _ := value.(string)
			return endpointAccepts("endpoints."+rule, word)
		},
		fill: func(o *Object, spec map[string]any) error {
			var w networking.WorkloadEntry
			if err := unmarshal(spec, &w); err != nil {
				return err
			}
			return readWorkloadEntry(o, &w)
		},
	}
}

var workloadEntryFields = fieldSet(map[string]string{"": "address ports labels locality serviceAccount"})

func readWorkloadEntry(o *Object, w *networking.WorkloadEntry) error {
	r := validator{object: *o}
	out := r.workload(w, "spec")
	switch state, said := o.annotations[StateAnnotation]; {
	case state == string(mesh.Draining):
		out.Draining = true
	case said && state != string(mesh.Ready):
		r.fault(fmt.Sprintf("metadata.annotations[%q]", StateAnnotation), "%q is no state; want ready or draining", state)
	}
	labels := maps.Clone(o.labels) // those of the resource itself, as in Istio
	if labels == nil {
		labels = map[string]string{}
	}
	maps.Copy(labels, out.Labels)
	if out.Labels = labels; len(labels) == 0 {
		r.fault("spec.labels", "is empty, so nothing selects it; want those that one does, such as app: %s", strings.ReplaceAll(o.Name, ".", "-"))
	}
	if len(r.findings) > 0 {
		return &Error{Findings: r.findings}
	}
	o.WorkloadEntry = out
	return nil
}

// workload reads an entry of Istio's, in a resource of its own or as an endpoint.
func (v *validator) workload(w *networking.WorkloadEntry, at string) *WorkloadEntry {
	out := &WorkloadEntry{
		Address: w.GetAddress(), Labels: w.GetLabels(), Locality: mesh.Locality(w.GetLocality()),
		Ports: map[string]uint16{}, Account: w.GetServiceAccount(),
	}
	if out.Address == "" {
		v.fault(at+".address", "is missing; want one such as 10.0.0.7")
	}
	if out.Account != "" && !mesh.IsLabel(out.Account) {
		v.fault(at+".serviceAccount", "%q is not the name of an account; want lower-case letters, digits and hyphens", out.Account)
	}
	for name, number := range w.GetPorts() {
		if number == 0 || number > 65535 {
			v.fault(fmt.Sprintf("%s.ports[%q]", at, name), "%d is not a port; want 1 to 65535", number)
		}
		out.Ports[name] = uint16(number) //nolint:gosec // checked
	}
	return out
}

// instance is the workload as an instance of a service with these ports, without an id.
// One that a sidecar stands beside is called with mutual TLS, and has to prove to be its
// account; any other is called as its app speaks. It is false for one that has none of
// the ports.
func (w *WorkloadEntry) instance(address netip.Addr, ports []ServicePort, identity mesh.Identity) (mesh.Instance, bool) {
	i := mesh.Instance{
		Version: mesh.Version(w.Labels["version"]), Labels: w.Labels, State: mesh.Ready,
		Locality: w.Locality, Identity: identity, Plaintext: identity == "",
	}
	if w.Draining {
		i.State = mesh.Draining
	}
	for _, p := range ports {
		if number := w.port(p); number != 0 {
			i.Ports = append(i.Ports, mesh.Port{Number: number, Name: p.Name, Protocol: p.Protocol})
		}
	}
	if len(i.Ports) == 0 {
		return i, false
	}
	first := i.Ports[0]
	i.Address, i.AppPort, i.AppProtocol = netip.AddrPortFrom(address, first.Number), first.Number, first.Protocol
	if len(ports) == 1 {
		i.Ports = nil // the service has one, whatever it is called
	}
	return i, true
}

// port is where the workload has a port of a service, 0 for nowhere: as it says by the
// port's name, else where the service says.
func (w *WorkloadEntry) port(p ServicePort) uint16 {
	if n, ok := w.Ports[p.Name]; ok && p.Name != "" {
		return n
	}
	switch {
	case p.TargetName != "":
		return w.Ports[p.TargetName]
	case p.Target != 0:
		return p.Target
	}
	return p.Number
}
