package main

import (
	"context"
	"fmt"
	"net/netip"
	"sync"

	"github.com/sightline-mesh/sightline/controlplane/identity"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/push"
)

// sidecar is one simulated sidecar.
type sidecar struct {
	id     mesh.InstanceID
	of     mesh.ServiceName
	wants  []mesh.ServiceName
	client *push.Client
	state  mesh.InstanceState // as it was told last

	seen map[mesh.ServiceName]uint64 // newest probe that was met; owned by apply
}

// join enrols sidecar n and waits for its first set.
func (f *rig) join(ctx context.Context, n int) (*sidecar, error) {
	of := service(n % f.services)
	s := &sidecar{
		id: mesh.InstanceID(fmt.Sprintf("%s-%04d", of, n)), of: of, state: mesh.Ready, seen: map[mesh.ServiceName]uint64{},
	}
	for k := range f.each {
		s.wants = append(s.wants, service((n+1+k*f.services/f.each)%f.services))
	}
	source, err := identity.Open(ctx, identity.Config{
		ControlPlane: f.address, Token: f.token,
		Workload: identity.Workload{Service: string(of), Version: "v1", Namespace: mesh.DefaultNamespace, Instance: string(s.id)},
	})
	if err != nil {
		return nil, fmt.Errorf("enrol %s: %w", s.id, err)
	}
	first := make(chan struct{})
	met := sync.OnceFunc(func() { close(first) })
	s.client = push.New(push.Config{
		ControlPlane: f.address, TLS: source.ClientTLS(source.ControlPlane(), "h2"), Build: "loadtest",
		Instance: mesh.Instance{
			Address: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 1, byte(n >> 8), byte(n)}), 15006), State: mesh.Ready,
			Labels: map[string]string{"app": string(of)},
		},
	}, func(snaps []mesh.Snapshot) error {
		f.watch.look(s, snaps)
		if len(snaps) == len(s.wants) {
			met()
		}
		return nil
	})
	s.client.Subscribe(s.wants...)
	f.running.Go(func() { _ = s.client.Run(f.life) }) // it always returns nil
	select {
	case <-first:
		return s, nil
	case <-ctx.Done():
		return s, fmt.Errorf("first set of %s: %w", s.id, ctx.Err())
	}
}
