// Package tap brings together who wants to look at requests as they end and the
// sidecars that see them.
package tap

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

const (
	// most is how many taps there may be at once: each costs every request it asks of a
	// comparison.
	most = 16
	// backlog is how many requests may wait for a reader.
	backlog = 1024
)

// ErrTooMany refuses a tap beyond those that may be at once.
var ErrTooMany = fmt.Errorf("%d taps are open, which is the most; end one first", most)

// ErrBadTap refuses a tap that asks for what there is not.
var ErrBadTap = errors.New("tap")

// Board holds the taps there are. Its methods may be called from any goroutine and never
// block.
type Board struct {
	ask func([]mesh.Tap) // of all sidecars

	mu   sync.Mutex // guards what follows, and calls of ask
	taps map[string]*Tap
	last uint64
}

// New makes a board without taps. ask is told of all there are, whenever that changes.
func New(ask func([]mesh.Tap)) *Board { return &Board{ask: ask, taps: map[string]*Tap{}} }

// Tap is one look, from Open to Close.
type Tap struct {
	b     *Board
	asked mesh.Tap
	rows  chan mesh.Tapped
	allow *rate

	limited, dropped atomic.Uint64
}

// Open begins a look.
func (b *Board) Open(asked mesh.Tap) (*Tap, error) {
	if fault := asked.Fault(); fault != "" {
		return nil, fmt.Errorf("%w: %s", ErrBadTap, fault)
	}
	if asked.PerSecond == 0 {
		asked.PerSecond = mesh.DefaultTapRate
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.taps) >= most {
		return nil, ErrTooMany
	}
	b.last++
	asked.ID = strconv.FormatUint(b.last, 10)
	t := &Tap{b: b, asked: asked, rows: make(chan mesh.Tapped, backlog), allow: newRate(asked.PerSecond)}
	b.taps[asked.ID] = t
	b.tell()
	return t, nil
}

// Close ends the look.
func (t *Tap) Close() {
	t.b.mu.Lock()
	defer t.b.mu.Unlock()
	delete(t.b.taps, t.asked.ID)
	t.b.tell()
}

// Next waits for a request.
func (t *Tap) Next(ctx context.Context) (mesh.Tapped, error) {
	select {
	case r := <-t.rows:
		return r, nil
	case <-ctx.Done():
		return mesh.Tapped{}, ctx.Err()
	}
}

// Asked is what is looked for.
func (t *Tap) Asked() mesh.Tap { return t.asked }

// Missed is what the reader was not told of.
func (t *Tap) Missed() (limited, dropped uint64) { return t.limited.Load(), t.dropped.Load() }

// Told takes what a sidecar tells. Who tells is what its certificate says: a row is only
// passed on to taps that ask this sidecar, and cut to what a sidecar tells. The batch is
// the board's from here.
func (b *Board) Told(from mesh.Instance, batch mesh.TapBatch) {
	b.mu.Lock()
	taps := make(map[string]*Tap, len(b.taps))
	for id, t := range b.taps {
		if t.asked.Asks(&from) {
			taps[id] = t
		}
	}
	b.mu.Unlock()
	for i := range batch.Requests {
		row := batch.Requests[i]
		row.Service, row.Version, row.Instance = string(from.Service), string(from.Version), string(from.ID)
		ids := row.Taps[:min(len(row.Taps), most)]
		row.Taps = nil // of a length that the sidecar has chosen
		row.Bound()
		for _, id := range ids {
			if t := taps[id]; t != nil {
				t.put(row)
			}
		}
	}
	for id, n := range batch.Limited {
		if t := taps[id]; t != nil {
			t.limited.Add(n)
		}
	}
	for _, t := range taps { // which of them it would have been, nobody knows any more
		t.dropped.Add(batch.Dropped)
	}
}

// tell has the sidecars asked for what is wanted now. The caller holds mu.
func (b *Board) tell() {
	all := make([]mesh.Tap, 0, len(b.taps))
	for _, t := range b.taps {
		all = append(all, t.asked)
	}
	b.ask(all)
}

// Put adds a request that another control plane has been told of.
func (t *Tap) Put(row mesh.Tapped) { t.put(row) }

func (t *Tap) put(row mesh.Tapped) {
	if !t.allow.take() {
		t.limited.Add(1)
		return
	}
	if !t.asked.Headers { // another tap has asked for them
		row.Request, row.Response = nil, nil
	}
	select {
	case t.rows <- row:
	default:
		t.dropped.Add(1)
	}
}
