package pool

import (
	"context"
	"errors"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// peer is a conn to a server of which the test says when it has closed. A pipe would
// do, but that the kernel cannot be asked about one.
type peer struct {
	net.Conn
	raw syscall.RawConn
}

func (p peer) SyscallConn() (syscall.RawConn, error) { return p.raw, nil }

// socketPair is a connection whose far end the test closes.
func socketPair(t *testing.T) (near net.Conn, far int) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	pipe, _ := net.Pipe()
	return peer{pipe, raw(fds[0])}, fds[1]
}

// raw is a descriptor that no poller knows: time is fake here, and the runtime's
// network poller would hold it up.
type raw int

func (r raw) Control(f func(uintptr)) error { f(uintptr(r)); return nil }
func (raw) Read(func(uintptr) bool) error   { return errors.ErrUnsupported }
func (raw) Write(func(uintptr) bool) error  { return errors.ErrUnsupported }

// server lends connections of which it can close the far ends.
type server struct {
	t    *testing.T
	far  []int
	down bool
}

func (s *server) dial(context.Context) (net.Conn, error) {
	if s.down {
		return nil, syscall.ECONNREFUSED
	}
	near, far := socketPair(s.t)
	s.far = append(s.far, far)
	return near, nil
}

func (s *server) close(n int) {
	if err := syscall.Close(s.far[n]); err != nil {
		s.t.Fatal(err)
	}
}

// sweeps passes some seconds as a sidecar does.
func sweeps(p *Pool, seconds int) {
	for range seconds {
		time.Sleep(time.Second)
		p.Sweep(time.Now())
	}
}

func TestIdleTimeIsLearned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{t: t}
		p := New(Config{IdleTime: 3 * time.Second, Learn: true}, s.dial)
		defer p.Close()
		c := get(t, p)
		p.Put(c)
		sweeps(p, 2)
		time.Sleep(500 * time.Millisecond)
		s.close(0)
		sweeps(p, 1)
		if got := p.IdleTime(); got != 1600*time.Millisecond {
			t.Errorf("closed after 2 to 3 s: kept for %v from now on, want 1.6 s", got)
		}
		if p.Open() != 0 {
			t.Errorf("%d connections, want the closed one out of the pool", p.Open())
		}
		p.Put(get(t, p))
		sweeps(p, 1)
		if p.Open() != 1 {
			t.Error("a connection was closed before its time")
		}
		sweeps(p, 1)
		if p.Open() != 0 {
			t.Error("a connection was kept for longer than was learned")
		}
		sweeps(p, int(lessonTime/time.Second))
		if got := p.IdleTime(); got != 3*time.Second {
			t.Errorf("long after the lesson: %v, want 3 s", got)
		}
	})
}

func TestWhatTeachesNothing(t *testing.T) {
	for name, happen := range map[string]func(*Pool, *server){
		"closed right after the answer": func(p *Pool, s *server) {
			p.Put(get(t, p))
			time.Sleep(100 * time.Millisecond)
			s.close(0)
			p.Sweep(time.Now())
		},
		"all closed at once": func(p *Pool, s *server) {
			a, b := get(t, p), get(t, p)
			p.Put(a)
			sweeps(p, 2)
			p.Put(b)
			time.Sleep(300 * time.Millisecond)
			s.close(0)
			s.close(1)
			p.Sweep(time.Now())
		},
		"gone for a while": func(p *Pool, s *server) {
			p.Put(get(t, p))
			sweeps(p, 1)
			s.close(0)
			sweeps(p, 1)
			s.down = true
			if _, err := p.Get(t.Context()); err == nil {
				t.Error("connected to a server that is down")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &server{t: t}
				p := New(Config{IdleTime: 3 * time.Second, Learn: true}, s.dial)
				defer p.Close()
				happen(p, s)
				if got := p.IdleTime(); got != 3*time.Second {
					t.Errorf("kept for %v, want 3 s as before", got)
				}
			})
		})
	}
}

func TestAnnouncedIdleTimes(t *testing.T) {
	for announced, want := range map[time.Duration]time.Duration{
		0: 3 * time.Second, 5 * time.Second: 4 * time.Second, time.Second: 800 * time.Millisecond,
		time.Hour: time.Minute,
	} {
		p := New(Config{IdleTime: 3 * time.Second, Learn: true}, nil)
		p.Announced(announced)
		if got := p.IdleTime(); got != want {
			t.Errorf("announced %v: kept for %v, want %v", announced, got, want)
		}
	}
	fixed := New(Config{IdleTime: 3 * time.Second}, nil)
	fixed.Announced(time.Second)
	if got := fixed.IdleTime(); got != 3*time.Second {
		t.Errorf("a pool that does not learn keeps for %v", got)
	}
}
