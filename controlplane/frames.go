package controlplane

import (
	"slices"
	"sync"

	"github.com/sightline-mesh/sightline/controlplane/hub"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/wire"
)

// frames keeps the encoded form of the snapshots in force, so that what many sidecars
// are sent is encoded once.
type frames struct {
	mu  sync.Mutex // guards what follows; held while a snapshot is encoded, as others wait for that one
	all map[mesh.ServiceName]frame
}

type frame struct {
	version uint64
	raw     []byte // read-only
}

func newFrames() *frames { return &frames{all: map[mesh.ServiceName]frame{}} }

// push is p as it goes over the wire in protobuf.
func (f *frames) push(p *hub.Push) (*wire.Push, error) {
	m := message(p)
	var raw []byte
	for _, s := range p.Snapshots {
		one, err := f.of(s)
		if err != nil {
			return nil, err
		}
		if raw == nil {
			raw = slices.Clip(one) // one alone is shared as it is
			continue
		}
		raw = append(raw, one...)
	}
	wire.AddSnapshots(m, raw)
	return m, nil
}

func (f *frames) of(s mesh.Snapshot) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	have, ok := f.all[s.Service]
	if ok && have.version == s.Version {
		return have.raw, nil
	}
	raw, err := wire.EncodeSnapshot(s)
	if err == nil && s.Version > have.version { // one that nobody knows has no version, and is not kept
		f.all[s.Service] = frame{s.Version, raw}
	}
	return raw, err
}

// keep forgets what the state does not hold.
func (f *frames) keep(s *hub.State) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name := range s.Changed {
		if _, ok := s.Snapshots[name]; !ok {
			delete(f.all, name)
		}
	}
}

// message is a push without its snapshots.
func message(p *hub.Push) *wire.Push {
	m := &wire.Push{
		Sequence: p.Sequence,
		Version:  p.Version,
		Services: wire.FromServices(p.Services),
		Changed:  wire.FromTime(p.Built),
	}
	if p.Inbound != nil {
		m.Inbound = wire.FromInbound(*p.Inbound)
	}
	if p.TapsNews {
		m.Taps = wire.FromTaps(p.Taps)
	}
	return m
}

// whole is a push with its snapshots as messages, for a sidecar that speaks JSON.
func whole(p *hub.Push) *wire.Push {
	m := message(p)
	for _, s := range p.Snapshots {
		m.Snapshots = append(m.Snapshots, wire.FromSnapshot(s))
	}
	return m
}
