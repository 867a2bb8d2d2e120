package wire

import (
	"fmt"
	"math"
	"net/netip"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// ToSnapshot is the snapshot that s stands for. It refuses what no sidecar could
// use, an instance without an address for one, and names it.
func ToSnapshot(s *Snapshot) (mesh.Snapshot, error) {
	out := mesh.Snapshot{
		Service:      mesh.ServiceName(s.GetService()),
		Version:      s.GetVersion(),
		Known:        s.GetKnown(),
		Routes:       each(s.GetRoutes(), toRoute),
		Hedge:        toHedge(s.GetHedge()),
		Streams:      each(s.GetStreams(), toStreamRoute),
		Subsets:      each(s.GetSubsets(), toSubset),
		Ports:        each(s.GetPorts(), toServicePort),
		Policy:       toPolicy(s.GetPolicy()),
		PortPolicies: each(s.GetPortPolicies(), toPortPolicy),
		Verdicts:     each(s.GetVerdicts(), toVerdict),
	}
	if out.Service == "" {
		return mesh.Snapshot{}, fmt.Errorf("snapshot of version %d: no service name", out.Version)
	}
	for _, i := range s.GetInstances() {
		instance, err := ToInstance(i)
		if err != nil {
			return mesh.Snapshot{}, fmt.Errorf("service %q: %w", out.Service, err)
		}
		out.Instances = append(out.Instances, instance)
	}
	return out, nil
}

// ToInstance is the instance that i stands for. Its address must be one.
func ToInstance(i *Instance) (mesh.Instance, error) {
	address, err := netip.ParseAddrPort(i.GetAddress())
	if err != nil {
		return mesh.Instance{}, fmt.Errorf("instance %q: address: %w", i.GetId(), err)
	}
	if i.GetAppPort() > math.MaxUint16 {
		return mesh.Instance{}, fmt.Errorf("instance %q: app_port: %d is not a port", i.GetId(), i.GetAppPort())
	}
	ports, err := toPorts(i.GetPorts())
	if err != nil {
		return mesh.Instance{}, fmt.Errorf("instance %q: %w", i.GetId(), err)
	}
	return mesh.Instance{
		ID:          mesh.InstanceID(i.GetId()),
		Service:     mesh.ServiceName(i.GetService()),
		Version:     mesh.Version(i.GetVersion()),
		Address:     address,
		Identity:    mesh.Identity(i.GetIdentity()),
		Labels:      i.GetLabels(),
		State:       mesh.InstanceState(i.GetState()),
		AppProtocol: toAppProtocol(i.GetAppProtocol()),
		Locality:    mesh.Locality(i.GetLocality()),
		AppPort:     uint16(i.GetAppPort()),
		Plaintext:   i.GetPlaintext(),
		Ports:       ports,
	}, nil
}

// toAppProtocol takes a word it does not know, a newer sidecar's, for not said.
func toAppProtocol(s string) mesh.AppProtocol {
	p, err := mesh.ParseAppProtocol(s)
	if err != nil {
		return ""
	}
	return p
}

// ToServices is the list of names that names stands for.
func ToServices(names []string) []mesh.ServiceName {
	return each(names, func(n string) mesh.ServiceName { return mesh.ServiceName(n) })
}

// ToTime is the time that t stands for, in UTC; nil is the zero time.
func ToTime(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}

func toSubset(s *Subset) mesh.Subset {
	out := mesh.Subset{Name: s.GetName(), Labels: s.GetLabels(), PortPolicies: each(s.GetPortPolicies(), toPortPolicy)}
	if s.GetPolicy() != nil {
		policy := toPolicy(s.GetPolicy())
		out.Policy = &policy
	}
	return out
}

func toVerdict(v *Verdict) mesh.Verdict {
	return mesh.Verdict{
		ID: v.GetId(),
		Target: mesh.Target{
			Service:  mesh.ServiceName(v.GetService()),
			Version:  mesh.Version(v.GetVersion()),
			Instance: mesh.InstanceID(v.GetInstance()),
		},
		Phase:  mesh.Phase(v.GetPhase()),
		Admit:  v.GetAdmit(),
		Reason: v.GetReason(),
		By:     v.GetBy(),
		Held:   v.GetHeld(),
		Since:  ToTime(v.GetSince()),
		Until:  ToTime(v.GetUntil()),
		Traces: v.GetTraces(),
	}
}

func toDuration(d *durationpb.Duration) time.Duration {
	if d == nil {
		return 0
	}
	return d.AsDuration()
}
