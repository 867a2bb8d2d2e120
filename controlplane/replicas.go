package controlplane

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net"
	"sync"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

const (
	replicaTTL   = 5 * time.Second // a control plane is taken for gone so long after its last word
	replicaAgain = 500 * time.Millisecond
	peerPatience = 1500 * time.Millisecond // for another control plane's answer
)

// replica is a control plane as the others find it.
type replica struct {
	Address string    `json:"address"`
	Since   time.Time `json:"since"`
}

// replicas are the control planes on one store, this one among them.
type replicas struct {
	own   string
	self  replica
	store *store.Store
	table store.Table[replica]
	dial  func(address string) *admin.Client

	mu      sync.Mutex // guards what follows
	clients map[string]*admin.Client
	known   map[string]replica       // when they were last listed
	ahead   map[string]time.Duration // the others' clocks, of those that said so last
}

// replicaID is what was given, or made up.
func replicaID(c Config) string {
	switch {
	case c.Name != "":
		return c.Name
	case c.EtcdMember.Name != "":
		return c.EtcdMember.Name
	}
	b := make([]byte, 3)
	_, _ = rand.Read(b) // never fails
	return "cp-" + hex.EncodeToString(b)
}

// reached is where the others reach a listener: what was given, the listener's own
// address, or this machine's first that is not loopback.
func reached(given string, l net.Addr) string {
	if given != "" {
		return given
	}
	host, port, err := net.SplitHostPort(l.String())
	if err != nil {
		return l.String()
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsUnspecified() {
		return l.String()
	}
	host = "127.0.0.1"
	all, _ := net.InterfaceAddrs() // without any, loopback is all there is
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() && n.IP.To4() != nil {
			host = n.IP.String()
			break
		}
	}
	return net.JoinHostPort(host, port)
}

// announce keeps this control plane among those that the others know, until ctx ends.
func (r *replicas) announce(ctx context.Context) {
	for ctx.Err() == nil {
		_ = r.announceOnce(ctx) // a store that is away is told of elsewhere
		select {
		case <-ctx.Done():
		case <-time.After(replicaAgain):
		}
	}
}

func (r *replicas) announceOnce(ctx context.Context) error {
	granting, cancel := context.WithTimeout(ctx, replicaTTL)
	defer cancel()
	lease, err := r.store.Grant(granting, replicaTTL)
	if err != nil {
		return err
	}
	if err := r.store.Commit(granting, nil, r.table.PutLeased(r.own, r.self, lease)); err != nil {
		return err
	}
	err = r.store.Keep(ctx, lease)
	if ctx.Err() == nil {
		return err
	}
	last, done := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer done()
	return r.store.Revoke(last, lease)
}

// list are all control planes that have been heard of lately, as far as that can be read.
func (r *replicas) list(ctx context.Context) (map[string]replica, error) {
	items, _, _, err := r.table.Readable(ctx)
	if err != nil {
		return nil, err
	}
	out := make(map[string]replica, len(items))
	for _, i := range items {
		out[i.Key] = i.Value
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known = out
	return out, nil
}

// peers are clients of the others, by id.
func (r *replicas) peers(ctx context.Context) (map[string]*admin.Client, error) {
	all, err := r.list(ctx)
	if err != nil {
		return nil, err
	}
	out := make(map[string]*admin.Client, len(all))
	for id, one := range all {
		if id != r.own {
			out[id] = r.client(one.Address)
		}
	}
	return out, nil
}

func (r *replicas) client(address string) *admin.Client {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.clients[address]
	if c == nil {
		c = r.dial(address)
		r.clients[address] = c
	}
	return c
}

// elsewhere reports whether another control plane reaches the store, as its answer to who
// the control planes are shows.
func (r *replicas) elsewhere(ctx context.Context) bool {
	r.mu.Lock()
	known := r.known
	r.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	answers := make(chan error, len(known))
	asked := 0
	for id, one := range known {
		if id == r.own {
			continue
		}
		asked++
		go func() {
			_, err := r.client(one.Address).Replicas(ctx)
			answers <- err
		}()
	}
	reached := false
	for range asked {
		if err := <-answers; err == nil {
			reached = true
			cancel() // the others' answers do not matter any more
		}
	}
	return reached
}

func (r *replicas) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.clients {
		c.Close()
	}
}

// listReplicas is what people see of them.
func (p *plane) listReplicas(ctx context.Context) ([]mesh.Replica, error) {
	all, err := p.replicas.list(ctx)
	if err != nil {
		return nil, err
	}
	leader, err := p.store.Leader(ctx, decider)
	if err != nil {
		return nil, err
	}
	ahead := p.replicas.clocks()
	out := make([]mesh.Replica, 0, len(all))
	for id, one := range all {
		out = append(out, mesh.Replica{
			ID: id, Address: one.Address, Since: one.Since, Leads: id == leader, ClockAheadMs: mesh.Milliseconds(ahead[id]),
		})
	}
	mesh.SortReplicas(out)
	return out, nil
}

// askEach asks all peers at once, and has each answer taken, one at a time, as it comes. It
// returns when all have answered or their time is over.
func askEach[T any](ctx context.Context, peers map[string]*admin.Client, ask func(*admin.Client, context.Context) (T, error), take func(id string, theirs T, err error)) {
	ctx, cancel := context.WithTimeout(ctx, peerPatience)
	defer cancel()
	var mu sync.Mutex
	var asked sync.WaitGroup
	for id, peer := range peers {
		asked.Go(func() {
			theirs, err := ask(peer, ctx)
			mu.Lock()
			defer mu.Unlock()
			take(id, theirs, err)
		})
	}
	asked.Wait()
}
