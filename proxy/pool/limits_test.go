package pool

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// ration lets so many connections be open and so many requests wait.
type ration struct{ connections, waiting int }

func (r *ration) Take(open int) bool {
	if r.connections <= 0 && open > 0 {
		return false
	}
	r.connections--
	return true
}
func (r *ration) Give() { r.connections++ }
func (r *ration) Wait() error {
	if r.waiting == 0 {
		return errors.New("nobody else may wait")
	}
	r.waiting--
	return nil
}
func (r *ration) Served() { r.waiting++ }

func TestPoolsShareAQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f farm
		q := &ration{connections: 2, waiting: 1}
		a, b := New(Config{Quota: q}, f.dial), New(Config{Quota: q}, f.dial)
		one, two := get(t, a), get(t, a)
		three := get(t, b) // the first of its pool
		got := make(chan *Conn)
		go func() { got <- get(t, b) }()
		synctest.Wait()
		if _, err := a.Get(t.Context()); !errors.Is(err, ErrOverflow) || !strings.Contains(err.Error(), "nobody else may wait") {
			t.Errorf("one more: %v", err)
		}
		b.Put(three)
		if c := <-got; c != three {
			t.Error("who waited did not get the connection that came back")
		}
		one.Discard()
		two.Discard()
		three.Discard()
		if q.connections != 2 || q.waiting != 1 {
			t.Errorf("quota at the end: %+v", q)
		}
		f.err = errors.New("refused")
		if _, err := a.Get(t.Context()); !errors.Is(err, f.err) || q.connections != 2 {
			t.Errorf("%v; quota after a dial that failed: %+v", err, q)
		}
	})
}

func TestConnectionsEndAfterTheirRequests(t *testing.T) {
	var f farm
	p := New(Config{Requests: 3}, f.dial)
	for range 7 {
		p.Put(get(t, p))
	}
	if len(f.ends) != 3 {
		t.Errorf("%d connections for 7 requests, want 3", len(f.ends))
	}
	p.Close()
	once := New(Config{Requests: 1}, f.dial)
	once.Put(get(t, once))
	if once.Open() != 0 {
		t.Error("1 request for each connection, and one was kept")
	}
}

func TestConnectionsGetOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f farm
		p := New(Config{Age: time.Minute, IdleTime: time.Hour}, f.dial)
		defer p.Close()
		first := get(t, p)
		time.Sleep(59 * time.Second)
		p.Put(first)
		if c := get(t, p); c != first {
			t.Error("it was given up too early")
		}
		time.Sleep(time.Second)
		p.Put(first)
		if p.Open() != 0 {
			t.Error("a connection outlived its time in use")
		}
		p.Put(get(t, p))
		time.Sleep(time.Minute)
		p.Sweep(time.Now())
		if p.Open() != 0 {
			t.Error("a connection outlived its time unused")
		}
	})
}
