package pool

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// busy takes a second for each connection, and counts how many are made at once.
type busy struct {
	farm

	at, most, all atomic.Int32
}

func (b *busy) dial(ctx context.Context) (net.Conn, error) {
	b.all.Add(1)
	n := b.at.Add(1)
	defer b.at.Add(-1)
	b.most.Store(max(b.most.Load(), n))
	select {
	case <-time.After(time.Second):
		return b.farm.dial(ctx)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// A burst of requests makes few connections at once, and those that wait use what
// others give back.
func TestBurstsShareConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b busy
		p := New(Config{Dialling: 4, Patience: 5 * time.Second}, b.dial)
		defer p.Close()
		failed := make(chan error, 100)
		for range 100 {
			go func() {
				c, err := p.Get(t.Context())
				if err == nil {
					time.Sleep(100 * time.Millisecond) // the request
					p.Put(c)
				}
				failed <- err
			}()
		}
		for range 100 {
			if err := <-failed; err != nil {
				t.Error(err)
			}
		}
		if b.most.Load() > 4 || b.all.Load() > 16 {
			t.Errorf("%d connections were made, %d of them at once; want few, and 4 at once", b.all.Load(), b.most.Load())
		}
		if p.dialing != 0 || len(p.waiting) != 0 {
			t.Errorf("afterwards %d are dialled and %d wait", p.dialing, len(p.waiting))
		}
	})
}

func TestPatienceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := func(ctx context.Context) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		p := New(Config{Dialling: 1, Patience: 5 * time.Second}, stuck)
		defer p.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		first := make(chan error, 1)
		go func() {
			_, err := p.Get(ctx)
			first <- err
		}()
		synctest.Wait()
		began := time.Now()
		if _, err := p.Get(t.Context()); !errors.Is(err, ErrNoConnection) || time.Since(began) != 5*time.Second {
			t.Errorf("after %v: %v, want no connection after 5 s", time.Since(began), err)
		}
		cancel()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if p.dialing != 0 || p.Open() != 0 {
			t.Errorf("%d dialled, %d open; want none", p.dialing, p.Open())
		}
	})
}

// Dials that fail let the next in the queue try, each for itself.
func TestFailedDialsPassTheTurnOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := busy{farm: farm{err: errors.New("refused")}}
		p := New(Config{Dialling: 2, Patience: time.Minute}, b.dial)
		defer p.Close()
		failed := make(chan error, 10)
		for range 10 {
			go func() {
				_, err := p.Get(t.Context())
				failed <- err
			}()
		}
		for range 10 {
			if err := <-failed; err == nil || err.Error() != "refused" {
				t.Errorf("err = %v, want the dialler's", err)
			}
		}
		if p.dialing != 0 || p.Open() != 0 {
			t.Errorf("%d dialled, %d open; want none", p.dialing, p.Open())
		}
	})
}

// As long as others get theirs, who waits does not give up.
func TestPatienceLastsWhileOthersAreServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b busy
		p := New(Config{Dialling: 1, Patience: 5 * time.Second}, b.dial)
		defer p.Close()
		served := make(chan error, 30)
		began := time.Now()
		for range 30 {
			go func() {
				c, err := p.Get(t.Context())
				if err == nil {
					c.Discard() // as after an answer that ends its connection
				}
				served <- err
			}()
		}
		for range 30 {
			if err := <-served; err != nil {
				t.Errorf("after %v: %v", time.Since(began), err)
			}
		}
		if took := time.Since(began); took != 30*time.Second {
			t.Errorf("took %v, want 30 s, one after the other", took)
		}
	})
}
