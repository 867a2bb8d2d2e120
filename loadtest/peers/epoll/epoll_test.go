package epoll

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// both is a connection between two Conns that one poller watches.
type both struct {
	*testing.T
	p    *Poller
	a, b *Conn
}

func newBoth(t *testing.T) *both {
	t.Helper()
	p, err := New()
	if err != nil {
		t.Fatal(err)
	}
	l, at, err := Listen()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Add(l); err != nil {
		t.Fatal(err)
	}
	x := &both{T: t, p: p}
	if x.a, err = Dial(at); err != nil {
		t.Fatal(err)
	}
	x.wait()
	if x.b, err = Accept(l); err != nil || x.b == nil {
		t.Fatalf("accept: %v, %v", x.b, err)
	}
	if again, err := Accept(l); again != nil || err != nil {
		t.Errorf("a second connection %v, %v", again, err)
	}
	for _, c := range []*Conn{x.a, x.b} {
		if err := p.Add(c.FD); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		for _, err := range []error{x.a.Close(), unix.Close(l), p.Close()} {
			if err != nil {
				t.Error(err)
			}
		}
	})
	return x
}

func (x *both) wait() []Event {
	x.Helper()
	for range 100 {
		events, err := x.p.Wait(100 * time.Millisecond)
		if err != nil {
			x.Fatal(err)
		}
		if len(events) > 0 {
			return events
		}
	}
	x.Fatal("nothing happens")
	return nil
}

// More than the kernel takes at once goes over whole and in order.
func TestLargeWritesAreKept(t *testing.T) {
	x := newBoth(t)
	sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<19) // 8 MiB
	half := len(sent) / 2
	if err := errors.Join(x.a.Write(x.p, sent[:half]), x.a.Write(x.p, sent[half:])); err != nil {
		t.Fatal(err)
	}
	if len(x.a.out) == 0 {
		t.Skip("this kernel takes it all at once")
	}
	var got []byte
	for len(got) < len(sent) {
		for _, e := range x.wait() {
			if e.FD == x.a.FD && e.Writable {
				if err := x.a.Flush(x.p); err != nil {
					t.Fatal(err)
				}
			}
			if e.FD == x.b.FD && e.Readable {
				if err := x.b.Fill(); err != nil {
					t.Fatal(err)
				}
				got = append(got, x.b.Unread()...)
				x.b.Use(len(x.b.Unread()))
			}
		}
	}
	if !bytes.Equal(got, sent) {
		t.Error("what came is not what was sent")
	}
	if err := x.b.Close(); err != nil {
		t.Fatal(err)
	}
	if e := x.wait(); !e[0].Readable || e[0].Writable {
		t.Errorf("after all was written: %+v, want the end alone", e)
	}
}

func TestUseLeavesTheRest(t *testing.T) {
	x := newBoth(t)
	defer func() { _ = x.b.Close() }()
	if err := x.a.Write(x.p, []byte("onetwo")); err != nil {
		t.Fatal(err)
	}
	x.wait()
	if err := x.b.Fill(); err != nil {
		t.Fatal(err)
	}
	x.b.Use(3)
	if got := string(x.b.Unread()); got != "two" {
		t.Errorf("left %q, want two", got)
	}
	if err := x.b.Fill(); err != nil {
		t.Errorf("reading when nothing has come: %v", err)
	}
}

func TestEnds(t *testing.T) {
	x := newBoth(t)
	if err := x.b.Close(); err != nil {
		t.Fatal(err)
	}
	x.wait()
	if err := x.a.Fill(); !errors.Is(err, io.EOF) {
		t.Errorf("reading after the other side closed: %v, want the end", err)
	}
	var err error
	for range 3 { // the first is answered with a reset
		err = errors.Join(err, x.a.Write(x.p, []byte("anyone?")))
	}
	if err == nil {
		t.Error("writing to nobody works")
	}
}

func TestWaitKeepsShortTimes(t *testing.T) {
	p, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	for _, limit := range []time.Duration{-time.Second, 0, 200 * time.Microsecond} {
		start := time.Now()
		if e, err := p.Wait(limit); err != nil || len(e) > 0 {
			t.Errorf("Wait(%s) = %v, %v", limit, e, err)
		}
		if took := time.Since(start); took < limit {
			t.Errorf("Wait(%s) came back after %s", limit, took)
		}
	}
}

func TestDialNobody(t *testing.T) {
	l, at, err := Listen()
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Close(l); err != nil {
		t.Fatal(err)
	}
	if _, err := Dial(at); !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("Dial(%s) = %v, want it refused", at, err)
	}
}
