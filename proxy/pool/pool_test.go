package pool

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// farm dials pipes and remembers the far ends.
type farm struct {
	mu   sync.Mutex
	ends []net.Conn
	err  error
}

func (f *farm) dial(context.Context) (net.Conn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return nil, f.err
	}
	near, far := net.Pipe()
	f.ends = append(f.ends, far)
	return near, nil
}

func get(t *testing.T, p *Pool) *Conn {
	t.Helper()
	c, err := p.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheConnectionUsedLastIsLentAgain(t *testing.T) {
	var f farm
	p := New(Config{}, f.dial)
	defer p.Close()
	a, b := get(t, p), get(t, p)
	if a.Reused || b.Reused {
		t.Error("a fresh connection says it was reused")
	}
	p.Put(a)
	p.Put(b)
	if c := get(t, p); c != b || !c.Reused {
		t.Errorf("got another connection, or one that says it is fresh (%v)", c.Reused)
	} else {
		p.Put(c)
	}
	if len(f.ends) != 2 || p.Open() != 2 {
		t.Errorf("%d dialled, %d open", len(f.ends), p.Open())
	}
}

func TestFreshConnectionIsNoneThatWasIdle(t *testing.T) {
	var f farm
	p := New(Config{Connections: 2}, f.dial)
	a, b := get(t, p), get(t, p)
	p.Put(a)
	p.Put(b)
	c, err := p.GetFresh(t.Context())
	if err != nil || c == a || c == b || c.Reused || p.Open() != 1 {
		t.Errorf("%+v (%v), %d open; want a new one alone", c, err, p.Open())
	}
	p.Put(c)
	p.Close()
	if _, err := p.GetFresh(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v, want ErrClosed", err)
	}
}

func TestIdleConnectionsEndInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f farm
		p := New(Config{IdleTime: 3 * time.Second}, f.dial)
		a, b := get(t, p), get(t, p)
		p.Put(a)
		time.Sleep(2 * time.Second)
		p.Put(b)
		time.Sleep(time.Second)
		p.Sweep(time.Now())
		if p.Open() != 1 {
			t.Errorf("%d open after a's time, want b", p.Open())
		}
		time.Sleep(2 * time.Second) // nobody sweeps: Get looks for itself
		if c := get(t, p); c.Reused {
			t.Error("lent a connection past its time")
		} else {
			p.Put(c)
		}
		p.Close()
		if p.Open() != 0 {
			t.Errorf("%d open after Close", p.Open())
		}
	})
}

func TestNoMoreThanMaxIdleAreKept(t *testing.T) {
	var f farm
	p := New(Config{MaxIdle: 2}, f.dial)
	defer p.Close()
	var all []*Conn
	for range 4 {
		all = append(all, get(t, p))
	}
	for _, c := range all {
		p.Put(c)
	}
	if p.Open() != 2 {
		t.Errorf("%d open, want 2", p.Open())
	}
	if c := get(t, p); c != all[3] {
		t.Error("the connection used last was not kept")
	} else {
		p.Put(c)
	}
}

func TestLimitsOfConnectionsAndOfThoseWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f farm
		p := New(Config{Connections: 1, Pending: 1}, f.dial)
		first := get(t, p)
		got := make(chan *Conn)
		go func() { got <- get(t, p) }()
		synctest.Wait()
		if _, err := p.Get(t.Context()); !errors.Is(err, ErrOverflow) {
			t.Errorf("third request: %v, want ErrOverflow", err)
		}
		p.Put(first)
		second := <-got
		if second != first || !second.Reused {
			t.Error("who waited did not get the connection that came back")
		}

		go func() { got <- get(t, p) }()
		synctest.Wait()
		second.Discard() // who waits may dial in its place
		third := <-got
		if third == second || third.Reused || p.Open() != 1 {
			t.Errorf("after a discard: reused %v, %d open", third.Reused, p.Open())
		}

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := p.Get(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waited too long: %v", err)
		}
		p.Put(third) // to nobody: the one who waited has left
		if c := get(t, p); c != third {
			t.Error("the connection was lost")
		} else {
			p.Put(c)
		}
		p.Close()
	})
}

func TestFailedDialGivesItsPlaceBack(t *testing.T) {
	f := farm{err: errors.New("refused")}
	p := New(Config{Connections: 1}, f.dial)
	for range 3 {
		if _, err := p.Get(t.Context()); !errors.Is(err, f.err) {
			t.Fatal(err)
		}
	}
	if p.Open() != 0 {
		t.Errorf("%d open", p.Open())
	}
}

func TestClosedPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f farm
		p := New(Config{Connections: 1}, f.dial)
		c := get(t, p)
		failed := make(chan error)
		go func() {
			_, err := p.Get(t.Context())
			failed <- err
		}()
		synctest.Wait()
		p.Close()
		if err := <-failed; !errors.Is(err, ErrClosed) {
			t.Errorf("who waited: %v", err)
		}
		if _, err := p.Get(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("Get: %v", err)
		}
		p.Put(c)
		if p.Open() != 0 {
			t.Errorf("%d open after the last came back", p.Open())
		}
	})
}

func TestDeadConnectionIsNotLentAgain(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := New(Config{}, func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
	})
	defer p.Close()
	for name, end := range map[string]func(net.Conn){
		"closed":          func(far net.Conn) { far.Close() },
		"said more":       func(far net.Conn) { fmt.Fprint(far, "HTTP/1.1 408 Timeout\r\n\r\n") },
		"reset":           func(far net.Conn) { must(t, far.(*net.TCPConn).SetLinger(0)); far.Close() },
		"closed its half": func(far net.Conn) { must(t, far.(*net.TCPConn).CloseWrite()) },
	} {
		c := get(t, p)
		far, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		p.Put(c)
		end(far)
		for deadline := time.Now().Add(time.Minute); c.socket.Quiet() && time.Now().Before(deadline); {
			<-time.After(time.Millisecond)
		}
		again := get(t, p)
		if again == c {
			t.Errorf("%s: lent again", name)
		}
		again.Discard()
		far.Close()
		if other, err := l.Accept(); err == nil {
			other.Close()
		}
	}
}

func TestDeadlineIsClearedForTheNext(t *testing.T) {
	var f farm
	p := New(Config{}, f.dial)
	defer p.Close()
	c := get(t, p)
	c.Deadline = true
	if err := c.SetDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	p.Put(c)
	c = get(t, p)
	go fmt.Fprint(f.ends[0], "x")
	if _, err := c.Read(make([]byte, 1)); err != nil || c.Deadline {
		t.Errorf("read: %v, deadline %v", err, c.Deadline)
	}
	p.Put(c)
}

// must fails the test on an error of something that cannot go wrong.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}
