package wire

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// FromSnapshot is s as it goes over the wire.
func FromSnapshot(s mesh.Snapshot) *Snapshot {
	return &Snapshot{
		Service:      string(s.Service),
		Version:      s.Version,
		Known:        s.Known,
		Routes:       each(s.Routes, fromRoute),
		Streams:      each(s.Streams, fromStreamRoute),
		Subsets:      each(s.Subsets, fromSubset),
		Ports:        each(s.Ports, fromServicePort),
		Policy:       fromPolicy(s.Policy),
		PortPolicies: each(s.PortPolicies, fromPortPolicy),
		Hedge:        fromHedge(s.Hedge),
		Instances:    each(s.Instances, FromInstance),
		Verdicts:     each(s.Verdicts, fromVerdict),
	}
}

// FromInstance is i as it goes over the wire.
func FromInstance(i mesh.Instance) *Instance {
	address := ""
	if i.Address.IsValid() {
		address = i.Address.String()
	}
	return &Instance{
		Id:          string(i.ID),
		Service:     string(i.Service),
		Version:     string(i.Version),
		Address:     address,
		Identity:    string(i.Identity),
		Labels:      i.Labels,
		State:       string(i.State),
		AppProtocol: string(i.AppProtocol),
		Locality:    string(i.Locality),
		AppPort:     uint32(i.AppPort),
		Plaintext:   i.Plaintext,
		Ports:       each(i.Ports, fromPort),
	}
}

// FromServices is a list of names as it goes over the wire.
func FromServices(names []mesh.ServiceName) []string {
	return each(names, func(n mesh.ServiceName) string { return string(n) })
}

func fromSubset(s mesh.Subset) *Subset {
	out := &Subset{Name: s.Name, Labels: s.Labels, PortPolicies: each(s.PortPolicies, fromPortPolicy)}
	if s.Policy != nil {
		out.Policy = fromPolicy(*s.Policy)
	}
	return out
}

func fromVerdict(v mesh.Verdict) *Verdict {
	return &Verdict{
		Id:       v.ID,
		Service:  string(v.Target.Service),
		Version:  string(v.Target.Version),
		Instance: string(v.Target.Instance),
		Phase:    string(v.Phase),
		Admit:    v.Admit,
		Reason:   v.Reason,
		By:       v.By,
		Held:     v.Held,
		Since:    FromTime(v.Since),
		Until:    FromTime(v.Until),
		Traces:   v.Traces,
	}
}

// FromTime is t as it goes over the wire; the zero time is nil.
func FromTime(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

func fromDuration(d time.Duration) *durationpb.Duration {
	if d == 0 {
		return nil
	}
	return durationpb.New(d)
}

// each is nil for an empty list, as a decoded message has it.
func each[A, B any](in []A, f func(A) B) []B {
	if len(in) == 0 {
		return nil
	}
	out := make([]B, len(in))
	for i, a := range in {
		out[i] = f(a)
	}
	return out
}
