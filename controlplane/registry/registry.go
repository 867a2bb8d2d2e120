// Package registry knows every running instance of every service. An instance is
// there because its sidecar holds a stream to the control plane, and stays for a
// lease's time when that breaks: neither a lost connection nor a control plane
// that is killed and started again makes an instance vanish whose sidecar comes
// back.
package registry

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

// ErrTaken is wrapped when an instance id is in use by another workload.
var ErrTaken = errors.New("instance id is used")

// Registry attaches sidecars to their instances. Its methods may be called from
// any goroutine.
type Registry struct {
	store *store.Store
	table store.Table[mesh.Instance]
	ttl   time.Duration

	mu    sync.Mutex // guards what follows
	holds map[mesh.InstanceID]*Attachment
}

// New keeps instances in s. One whose sidecar is gone without a goodbye is dropped
// after ttl.
func New(s *store.Store, ttl time.Duration) *Registry {
	return &Registry{
		store: s,
		table: store.TableOf[mesh.Instance](s, store.Instances),
		ttl:   ttl,
		holds: map[mesh.InstanceID]*Attachment{},
	}
}

// List is every instance, in the order of their ids, and the store's revision.
func (r *Registry) List(ctx context.Context) ([]mesh.Instance, int64, error) {
	items, revision, err := r.table.List(ctx)
	if err != nil {
		return nil, 0, err
	}
	out := make([]mesh.Instance, 0, len(items))
	for _, i := range items {
		out = append(out, i.Value)
	}
	return out, revision, nil
}

// Attachment ties one stream to its instance. A newer attachment of the same
// instance takes over; the older one then changes nothing any more.
type Attachment struct {
	r *Registry

	mu       sync.Mutex // guards what follows, and orders writes
	instance mesh.Instance
	lease    store.Lease
}

// Attach registers an instance, or takes over the one of the same id with its
// lease. Keep must be running for it to stay.
func (r *Registry) Attach(ctx context.Context, i mesh.Instance) (*Attachment, error) {
	a := &Attachment{r: r, instance: i}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.register(ctx); err != nil {
		return nil, fmt.Errorf("attach %s: %w", i.ID, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.holds[i.ID] = a
	return a, nil
}

// Keep keeps the instance registered until ctx ends, which is no error; the
// instance then stays for the rest of its lease.
func (a *Attachment) Keep(ctx context.Context) error {
	for {
		a.mu.Lock()
		lease := a.lease
		a.mu.Unlock()
		err := a.r.store.Keep(ctx, lease)
		if !errors.Is(err, store.ErrLeaseGone) {
			return err // nil when ctx has ended
		}
		a.mu.Lock()
		err = a.register(ctx) // the store was away for longer than the lease; the sidecar is still here
		a.mu.Unlock()
		if err != nil {
			return fmt.Errorf("keep %s: %w", a.instance.ID, err)
		}
	}
}

// SetState says whether the instance takes requests.
func (a *Attachment) SetState(ctx context.Context, s mesh.InstanceState) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.instance.State == s || !a.holds() {
		return nil
	}
	a.instance.State = s
	return a.put(ctx)
}

// Instance is the instance as it is registered.
func (a *Attachment) Instance() mesh.Instance {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.instance
}

// Leave removes the instance at once.
func (a *Attachment) Leave(ctx context.Context) error {
	if !a.release() {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.r.store.Revoke(ctx, a.lease); err != nil {
		return fmt.Errorf("remove %s: %w", a.instance.ID, err)
	}
	return nil
}

// Detach lets the instance live on for the rest of its lease, as its sidecar may
// come back.
func (a *Attachment) Detach() { a.release() }

// register takes the lease of what is there over, or makes a new one, and writes
// only what differs.
func (a *Attachment) register(ctx context.Context) error {
	found, err := a.r.table.Item(ctx, string(a.instance.ID))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err == nil && (found.Value.Identity != a.instance.Identity || found.Value.Service != a.instance.Service) {
		return fmt.Errorf("%w by %s of service %s", ErrTaken, found.Value.Identity, found.Value.Service)
	}
	if err == nil && found.Lease != 0 && a.r.store.Renew(ctx, found.Lease) == nil {
		a.lease = found.Lease
		if reflect.DeepEqual(found.Value, a.instance) {
			return nil
		}
		return a.put(ctx)
	}
	if a.lease, err = a.r.store.Grant(ctx, a.r.ttl); err != nil {
		return err
	}
	return a.put(ctx)
}

func (a *Attachment) put(ctx context.Context) error {
	return a.r.store.Commit(ctx, nil, a.r.table.PutLeased(string(a.instance.ID), a.instance, a.lease))
}

func (a *Attachment) holds() bool {
	a.r.mu.Lock()
	defer a.r.mu.Unlock()
	return a.r.holds[a.instance.ID] == a
}

func (a *Attachment) release() bool {
	a.r.mu.Lock()
	defer a.r.mu.Unlock()
	if a.r.holds[a.instance.ID] != a {
		return false
	}
	delete(a.r.holds, a.instance.ID)
	return true
}
