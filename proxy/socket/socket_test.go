package socket

import (
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"
)

func pair(t *testing.T) (near, far *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	d, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); d.Close() })
	return c.(*net.TCPConn), d.(*net.TCPConn)
}

// until waits for something the kernel does in its own time.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not after a minute", what)
		}
	}
}

func TestStates(t *testing.T) {
	near, far := pair(t)
	s := Of(near)
	if !s.Quiet() || s.Readable() || s.End() != Connected {
		t.Errorf("at first: quiet %v, readable %v, end %d", s.Quiet(), s.Readable(), s.End())
	}
	fmt.Fprint(far, "x")
	until(t, "readable", s.Readable)
	if s.Quiet() || s.End() != Connected {
		t.Errorf("with a byte: quiet %v, end %d", s.Quiet(), s.End())
	}
	must(t, far.CloseWrite()) // seen although the byte is unread
	until(t, "half-closed", func() bool { return s.End() == HalfClosed })
	must(t, far.SetLinger(0))
	far.Close()
	until(t, "gone", func() bool { return s.End() == Gone })
	near.Close()
	if s.Quiet() || s.End() != Gone {
		t.Errorf("closed here: quiet %v, end %d", s.Quiet(), s.End())
	}
}

func TestPipesLookAlive(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	b.Close()
	if s := Of(a); !s.Quiet() || s.End() != Connected {
		t.Error("a pipe is not a socket")
	}
	if _, err := Peek(a, make([]byte, 1), 1, 0); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Peek: %v", err)
	}
}

func TestPeekLeavesBytesWhereTheyAre(t *testing.T) {
	near, far := pair(t)
	p := make([]byte, 4)
	fmt.Fprint(far, "ab")
	if n, err := Peek(near, p, 1, 0); err != nil || string(p[:n]) != "ab" {
		t.Errorf("first: %q, %v", p[:n], err)
	}
	time.AfterFunc(20*time.Millisecond, func() { fmt.Fprint(far, "cdef") })
	if n, err := Peek(near, p, 4, time.Second); err != nil || string(p[:n]) != "abcd" {
		t.Errorf("with patience: %q, %v", p[:n], err)
	}
	far.Close()
	if all, err := io.ReadAll(near); err != nil || string(all) != "abcdef" {
		t.Errorf("read: %q, %v", all, err)
	}
	if _, err := Peek(near, p, 1, 0); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
}

func TestPollingAllocatesNothing(t *testing.T) {
	near, _ := pair(t)
	s := Of(near)
	if n := testing.AllocsPerRun(100, func() { s.Quiet() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// must fails the test on an error of something that cannot go wrong.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}
