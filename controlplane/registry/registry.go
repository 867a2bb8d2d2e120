// Package registry knows every running instance of every service. An instance is
// there because its sidecar holds a stream to the control plane, and stays for a
// lease's time when that breaks: neither a lost connection nor a control plane
// that is killed and started again makes an instance vanish whose sidecar comes
// back.
//
// Where there is no sidecar to register it, an instance is there because a Source tells of
// it: see Follow. Sources write into the same table, so that all control planes tell the
// same, and what a source said last outlives it.
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

// ErrMoved is wrapped when the sidecar has made another stream, here or at another
// control plane: this one has nothing to say for it any more.
var ErrMoved = errors.New("the sidecar has another stream by now")

const tries = 5 // to attach, while others attach the same instance

// Stream is which control plane has the stream of an instance.
type Stream struct {
	Replica string    `json:"replica"`
	Since   time.Time `json:"since"`
}

// Registry attaches sidecars to their instances. Its methods may be called from
// any goroutine.
type Registry struct {
	store *store.Store
	table store.Table[mesh.Instance]
	own   string // this control plane's id

	streams store.Table[Stream]
	ttl     time.Duration

	mu    sync.Mutex // guards what follows
	holds map[mesh.InstanceID]*Attachment
}

// New keeps instances in s for the control plane of the given id. One whose sidecar is
// gone without a goodbye is dropped after ttl.
func New(s *store.Store, own string, ttl time.Duration) *Registry {
	return &Registry{
		store: s,
		table: store.TableOf[mesh.Instance](s, store.Instances),
		own:   own,

		streams: store.TableOf[Stream](s, store.Streams),
		ttl:     ttl,

		holds: map[mesh.InstanceID]*Attachment{},
	}
}

// List is every instance that can be read, in the order of their ids, and the store's
// revision. Those that cannot be are the mirror's to tell of.
func (r *Registry) List(ctx context.Context) ([]mesh.Instance, int64, error) {
	items, _, revision, err := r.table.Readable(ctx)
	if err != nil {
		return nil, 0, err
	}
	out := make([]mesh.Instance, 0, len(items))
	for _, i := range items {
		out = append(out, i.Value)
	}
	return out, revision, nil
}

// Streams are which control plane has the stream of each instance, by instance, as far as
// that can be read.
func (r *Registry) Streams(ctx context.Context) (map[mesh.InstanceID]Stream, error) {
	items, _, _, err := r.streams.Readable(ctx)
	out := make(map[mesh.InstanceID]Stream, len(items))
	for _, i := range items {
		out[mesh.InstanceID(i.Key)] = i.Value
	}
	return out, err
}

// Stir stores what means nothing, for the revision that it has.
func (r *Registry) Stir(ctx context.Context) error {
	return r.store.Commit(ctx, nil, r.streams.Mark())
}

// Attachment ties one stream to its instance. A newer attachment of the same
// instance, at whichever control plane, takes over; the older one then changes nothing
// any more.
type Attachment struct {
	r *Registry

	mu       sync.Mutex // guards what follows, and orders writes
	instance mesh.Instance
	lease    store.Lease
	stream   int64 // revision of the record that says that the stream is here
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
// instance then stays for the rest of its lease. A lease that is gone is an error: the
// sidecar may have taken its leave at another control plane. One that is still there
// attaches anew.
func (a *Attachment) Keep(ctx context.Context) error {
	a.mu.Lock()
	lease := a.lease
	a.mu.Unlock()
	if err := a.r.store.Keep(ctx, lease); err != nil {
		return fmt.Errorf("keep %s: %w", a.instance.ID, err)
	}
	return nil
}

// SetState says whether the instance takes requests.
func (a *Attachment) SetState(ctx context.Context, s mesh.InstanceState) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.instance.State == s || !a.holds() {
		return nil
	}
	next := a.instance
	next.State = s
	err := a.r.store.Commit(ctx, []store.Guard{a.here()}, a.r.table.PutLeased(a.key(), next, a.lease))
	if errors.Is(err, store.ErrConflict) {
		err = ErrMoved
	}
	if err != nil {
		return fmt.Errorf("set state of %s: %w", a.instance.ID, err)
	}
	a.instance = next
	return nil
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
	err := a.r.store.Commit(ctx, []store.Guard{a.here()}, a.r.table.Delete(a.key()), a.r.streams.Delete(a.key()))
	if errors.Is(err, store.ErrConflict) {
		return nil // it is another control plane's to say
	}
	if err == nil {
		err = a.r.store.Revoke(ctx, a.lease)
	}
	if err != nil {
		return fmt.Errorf("remove %s: %w", a.instance.ID, err)
	}
	return nil
}

// Detach lets the instance live on for the rest of its lease, as its sidecar may
// come back.
func (a *Attachment) Detach() { a.release() }

// register takes the lease of what is there over, or makes a new one, and writes of the
// instance only what differs. From then on this is the control plane that has its stream.
func (a *Attachment) register(ctx context.Context) error {
	err := store.ErrConflict
	for n := 0; n < tries && errors.Is(err, store.ErrConflict); n++ {
		err = a.registerOnce(ctx)
	}
	return err
}

func (a *Attachment) registerOnce(ctx context.Context) error {
	found, known, err := a.former(ctx)
	if err != nil {
		return err
	}
	guard := a.r.table.Absent(a.key())
	if known {
		guard = a.r.table.At(a.key(), found.Revision)
	}
	a.instance.Since = found.Value.Since // a return is no other instance
	if !known || a.instance.Since.IsZero() {
		a.instance.Since = time.Now().UTC()
	}
	kept, err := a.lend(ctx, found.Lease)
	if err != nil {
		return err
	}
	ops := []store.Op{a.r.streams.PutLeased(a.key(), Stream{Replica: a.r.own, Since: time.Now().UTC()}, a.lease)}
	if !kept || !reflect.DeepEqual(found.Value, a.instance) {
		ops = append(ops, a.r.table.PutLeased(a.key(), a.instance, a.lease))
	}
	a.stream, err = a.r.store.CommitAt(ctx, []store.Guard{guard}, ops...)
	return err
}

// former is what is registered of the instance already, which must be of the same workload.
// Where it cannot be read, it is written anew: of such a one nothing counts but whose it is,
// as far as that could be read.
func (a *Attachment) former(ctx context.Context) (found store.Item[mesh.Instance], known bool, err error) {
	found, err = a.r.table.Item(ctx, a.key())
	whose := found.Value
	switch {
	case errors.Is(err, store.ErrNotFound):
		return found, false, nil
	case errors.Is(err, store.ErrUnreadable):
		found.Value = mesh.Instance{}
		if whose.Identity == "" {
			return found, true, nil
		}
	case err != nil:
		return found, false, err
	}
	if whose.Identity != a.instance.Identity || whose.Service != a.instance.Service {
		return found, true, fmt.Errorf("%w by %s of service %s", ErrTaken, whose.Identity, whose.Service)
	}
	return found, true, nil
}

// lend takes a lease over if it still lasts, and a new one if not.
func (a *Attachment) lend(ctx context.Context, found store.Lease) (kept bool, err error) {
	if found != 0 && a.r.store.Renew(ctx, found) == nil {
		a.lease = found
		return true, nil
	}
	a.lease, err = a.r.store.Grant(ctx, a.r.ttl)
	return false, err
}

// here holds while no other stream of the instance was registered.
func (a *Attachment) here() store.Guard { return a.r.streams.At(a.key(), a.stream) }

func (a *Attachment) key() string { return string(a.instance.ID) }

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
