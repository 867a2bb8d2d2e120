// Package trust knows who holds a certificate and whom each of them trusts.
//
// A board has those that are connected to this control plane. What it knows in sum is
// in the store for as long as the control plane lives, so that each can say of the
// whole mesh whether a rotation may go on.
package trust

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/identity"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

const (
	lease  = 15 * time.Second
	gather = 200 * time.Millisecond // reports of this long are told together
	named  = 200                    // of those who lag; the rest is counted
	words  = 500                    // bytes of why a renewal failed, which the holder chooses
)

// Now is what holders are measured by.
type Now struct {
	Version uint64 // of whom to trust
	Signer  string // key id of what signs, hex
	Former  string // the same of what signed before, while its certificates are replaced; "" if not known
}

// old reports whether a holder's certificate is one that a rotation replaces. One of
// another issuer, such as a SPIRE agent's, never is.
func (n Now) old(h mesh.Holder) bool {
	return h.Signer != n.Signer && (n.Former == "" || h.Signer == n.Former)
}

// Summary is what one control plane knows of its holders.
type Summary struct {
	Replica  string        `json:"replica"`
	Started  time.Time     `json:"started"` // the control plane; its holders come back after that
	Version  uint64        `json:"version"`
	Holders  int           `json:"holders"`
	Lag      int           `json:"lag"`
	Lagging  []mesh.Holder `json:"lagging,omitempty"`
	Old      int           `json:"old"` // holders with a certificate that a rotation waits for
	Outdated []mesh.Holder `json:"outdated,omitempty"`
	Troubled []mesh.Holder `json:"troubled,omitempty"`
	Skewed   []mesh.Holder `json:"skewed,omitempty"` // whose clocks are not this control plane's
}

// Board is the holders of one control plane. Its methods may be called from any
// goroutine.
type Board struct {
	// Set by New and never changed.
	replica string
	started time.Time
	store   *store.Store
	table   store.Table[Summary]
	now     func() Now
	log     *slog.Logger
	wake    chan struct{} // capacity 1: something changed

	mu    sync.Mutex // guards what follows
	next  uint64
	seats map[uint64]mesh.Holder
}

// Deps is what a board works with.
type Deps struct {
	Store *store.Store
	// Now is what holders are measured by.
	Now    func() Now
	Logger *slog.Logger
}

// New makes the board of a control plane with a name that no other one has.
func New(replica string, d Deps) *Board {
	return &Board{
		replica: replica, started: time.Now().UTC(), store: d.Store, table: store.TableOf[Summary](d.Store, store.Holders),
		now: d.Now, log: d.Logger,
		wake: make(chan struct{}, 1), seats: map[uint64]mesh.Holder{},
	}
}

// Seat is one connected holder's place.
type Seat struct {
	b  *Board
	id uint64
}

// Join adds a holder, which has reported nothing yet.
func (b *Board) Join(h mesh.Holder) *Seat {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.next++
	b.seats[b.next] = h
	b.Notify()
	return &Seat{b, b.next}
}

// Report replaces what is known of the holder.
func (s *Seat) Report(h mesh.Holder) {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	if len(h.Failure) > words {
		h.Failure = strings.ToValidUTF8(h.Failure[:words], "")
	}
	was := s.b.seats[s.id]
	if s.b.seats[s.id] = h; !sameBut(was, h) {
		s.b.Notify()
	}
}

// Leave takes the holder out.
func (s *Seat) Leave() {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	delete(s.b.seats, s.id)
	s.b.Notify()
}

// Holders is how many are connected here.
func (b *Board) Holders() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.seats)
}

// List is who is connected here, in no order.
func (b *Board) List() []mesh.Holder {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]mesh.Holder, 0, len(b.seats))
	for _, h := range b.seats {
		out = append(out, alarmed(h))
	}
	return out
}

// alarmed is a holder with how near it is to the end of its certificate now.
func alarmed(h mesh.Holder) mesh.Holder {
	if !h.Expires.IsZero() { // else it has not reported yet
		h.Alarm = string(identity.AlarmOf(h.Issued, h.Expires, time.Now()))
	}
	return h
}

// Notify says that holders are measured by something else now. It never blocks.
func (b *Board) Notify() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// Sum is what is known of the holders here.
func (b *Board) Sum() Summary {
	at := b.now()
	out := Summary{Replica: b.replica, Started: b.started, Version: at.Version}
	b.mu.Lock()
	defer b.mu.Unlock()
	out.Holders = len(b.seats)
	for _, h := range b.seats {
		h = alarmed(h)
		if h.Version < at.Version {
			out.Lag++
			out.Lagging = append(out.Lagging, h)
		}
		if at.old(h) {
			out.Old++
			out.Outdated = append(out.Outdated, h)
		}
		if h.Failures > 0 || h.Alarm != "" {
			out.Troubled = append(out.Troubled, h)
		}
		if isSkewed(h) {
			out.Skewed = append(out.Skewed, h)
		}
	}
	out.Lagging, out.Outdated, out.Troubled, out.Skewed = first(out.Lagging), first(out.Outdated), first(out.Troubled), first(out.Skewed)
	return out
}

func isSkewed(h mesh.Holder) bool { return h.ClockAhead().Abs() >= identity.Skewed }

// sameBut reports whether two reports differ at most in how a clock goes that is well, which
// nobody has to be told.
func sameBut(a, b mesh.Holder) bool {
	if isSkewed(a) || isSkewed(b) {
		return false
	}
	a.ClockAheadMs = b.ClockAheadMs
	return a == b
}

func first(all []mesh.Holder) []mesh.Holder {
	slices.SortFunc(all, func(a, b mesh.Holder) int {
		return cmp.Or(cmp.Compare(a.Identity, b.Identity), cmp.Compare(a.Instance, b.Instance))
	})
	return all[:min(len(all), named)]
}

// All are the summaries of every control plane that lives. One that cannot be read may
// say anything, so it stands for somebody who lags.
func (b *Board) All(ctx context.Context) ([]Summary, error) {
	items, unread, _, err := b.table.Readable(ctx)
	if err != nil {
		return nil, err
	}
	out := []Summary{b.Sum()}
	for _, u := range unread {
		lost := mesh.Holder{Instance: mesh.InstanceID("holders of control plane " + u.Key + ", of which nothing can be read")}
		out = append(out, Summary{Replica: u.Key, Lag: 1, Lagging: []mesh.Holder{lost}})
	}
	for _, i := range items {
		if i.Value.Replica != b.replica { // its own is newer than what is stored
			out = append(out, i.Value)
		}
	}
	return out, nil
}

// Run keeps the summary in the store until ctx ends. It returns nil.
func (b *Board) Run(ctx context.Context) error {
	var held store.Lease
	again := time.NewTicker(lease / 3)
	defer again.Stop()
	for {
		if err := b.publish(ctx, &held); err != nil && ctx.Err() == nil {
			b.log.Warn("summary of certificate holders is stored again", "reason", err)
		}
		select {
		case <-ctx.Done():
			return b.withdraw(ctx, held)
		case <-again.C:
		case <-b.wake:
			select {
			case <-time.After(gather):
			case <-ctx.Done():
			}
		}
	}
}

func (b *Board) publish(ctx context.Context, held *store.Lease) error {
	if *held != 0 {
		err := b.store.Renew(ctx, *held)
		if errors.Is(err, store.ErrLeaseGone) {
			*held = 0
		} else if err != nil {
			return err
		}
	}
	if *held == 0 {
		l, err := b.store.Grant(ctx, lease)
		if err != nil {
			return err
		}
		*held = l
	}
	if err := b.store.Commit(ctx, nil, b.table.PutLeased(b.replica, b.Sum(), *held)); err != nil {
		return fmt.Errorf("store summary: %w", err)
	}
	return nil
}

// withdraw lets nobody wait for a control plane that has ended in order.
func (b *Board) withdraw(ctx context.Context, held store.Lease) error {
	if held == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := b.store.Revoke(ctx, held); err != nil {
		b.log.Warn("summary of certificate holders stays until its lease runs out", "reason", err)
	}
	return nil
}
