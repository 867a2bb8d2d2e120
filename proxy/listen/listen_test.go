package listen

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/proxy/socket"
)

// serve starts a server and returns its address, and what ends and awaits it.
func serve(t *testing.T, cfg Config, h Handler) (addr string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- New(cfg, h).Serve(ctx, l) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return l.Addr().String(), stop
}

func dial(t *testing.T, addr string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn)
}

func TestHandshakeRefusesPlaintext(t *testing.T) {
	got := make(chan error, 1)
	addr, _ := serve(t, Config{}, func(ctx context.Context, c *Conn) {
		_, err := Handshake(ctx, c, &tls.Config{})
		got <- err
	})
	fmt.Fprint(dial(t, addr), "GET / HTTP/1.1\r\n\r\n")
	if err := <-got; !errors.Is(err, ErrPlaintext) {
		t.Errorf("plaintext: %v", err)
	}
	must(t, dial(t, addr).CloseWrite())
	if err := <-got; !errors.Is(err, io.EOF) {
		t.Errorf("nothing at all: %v", err)
	}
	c := dial(t, addr)
	fmt.Fprint(c, "\x16\x03\x01 no hello")
	must(t, c.CloseWrite())
	if err := <-got; err == nil || errors.Is(err, ErrPlaintext) {
		t.Errorf("broken hello: %v", err)
	}
}

func TestDrainWakesIdleAndWaitsForBusyConnections(t *testing.T) {
	release, ended := make(chan struct{}), make(chan string, 2)
	entered := make(chan struct{}, 2)
	addr, stop := serve(t, Config{Drain: time.Minute}, func(_ context.Context, c *Conn) {
		var p [1]byte
		if _, err := c.Read(p[:]); err != nil {
			t.Error(err)
		}
		if p[0] == 'b' {
			c.Enter(Busy)
			entered <- struct{}{}
			<-release
			ended <- "busy"
			return
		}
		c.Enter(Idle)
		entered <- struct{}{}
		_, err := c.Read(p[:])
		if !c.Draining() || err == nil || c.Resume() {
			t.Errorf("idle: draining %v, %v", c.Draining(), err)
		}
		ended <- "idle"
	})
	busy, idle := dial(t, addr), dial(t, addr)
	fmt.Fprint(busy, "b")
	fmt.Fprint(idle, "i")
	<-entered
	<-entered
	done := make(chan struct{})
	go func() { defer close(done); stop() }()
	if first := <-ended; first != "idle" {
		t.Errorf("%s ended first", first)
	}
	if _, err := net.Dial("tcp", addr); err == nil {
		t.Error("a draining server accepts")
	}
	select {
	case <-done:
		t.Error("the busy connection was not waited for")
	default:
	}
	close(release)
	<-done
}

func TestDrainEndsWhenItsTimeIsOver(t *testing.T) {
	entered := make(chan struct{})
	addr, stop := serve(t, Config{Drain: 30 * time.Millisecond}, func(ctx context.Context, c *Conn) {
		c.Enter(Busy)
		close(entered)
		_, err := c.Read(make([]byte, 1)) // interrupted by the close
		if err == nil || ctx.Err() == nil {
			t.Error("the context goes on")
		}
	})
	c := dial(t, addr)
	<-entered
	stop()
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("the connection goes on")
	}
}

func TestOnDrainIsCalledEvenIfLate(t *testing.T) {
	entered := make(chan struct{})
	called := make(chan struct{}, 2)
	addr, stop := serve(t, Config{}, func(_ context.Context, c *Conn) {
		close(entered)
		for !c.Draining() {
			runtime.Gosched()
		}
		c.OnDrain(func() { called <- struct{}{} })
	})
	dial(t, addr)
	<-entered
	stop()
	if len(called) != 1 {
		t.Errorf("called %d times", len(called))
	}
}

func TestSlowHeadsAndIdleConnectionsEnd(t *testing.T) {
	for _, phase := range []Phase{Starting, Reading, Idle} {
		ended := make(chan error, 1)
		addr, _ := serve(t, Config{Head: 30 * time.Millisecond, Idle: 30 * time.Millisecond, Every: 10 * time.Millisecond},
			func(_ context.Context, c *Conn) {
				c.Enter(phase)
				_, err := c.Read(make([]byte, 1))
				ended <- err
			})
		dial(t, addr)
		if err := <-ended; err == nil {
			t.Errorf("phase %d: read something", phase)
		}
	}
}

// deadlines notes whether its reads were interrupted.
type deadlines struct {
	net.Conn
	interrupted bool
}

func (d *deadlines) SetReadDeadline(time.Time) error {
	d.interrupted = true
	return nil
}

func TestBodiesThatPauseEnd(t *testing.T) {
	cfg := Config{Body: time.Minute}.withDefaults()
	below := &deadlines{}
	c := &Conn{Conn: below}
	c.Enter(Busy)
	look := func(what string, d time.Duration, want bool) {
		t.Helper()
		for range d / cfg.Every {
			c.look(&cfg)
		}
		if below.interrupted != want {
			t.Errorf("%s: interrupted %v", what, below.interrupted)
		}
	}
	look("no body", time.Hour, false)
	for range 5 {
		c.AwaitBody()
		look("pieces keep coming", 50*time.Second, false)
	}
	c.LetBody()
	c.AwaitBody()
	look("the answer has begun", time.Hour, false)
	c.EndBody()
	look("the body has ended", time.Hour, false)
	c.AwaitBody()
	look("nothing more comes", 61*time.Second, true)
}

func TestConnectionsAreBounded(t *testing.T) {
	var overflow atomic.Uint64
	entered := make(chan struct{}, 3)
	addr, _ := serve(t, Config{Connections: 2, Overflow: &overflow}, func(_ context.Context, c *Conn) {
		entered <- struct{}{}
		io.Copy(io.Discard, c) //nolint:errcheck // until the client has gone
	})
	first := dial(t, addr)
	dial(t, addr)
	<-entered
	<-entered
	if n, err := dial(t, addr).Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("the third read %d, %v", n, err)
	}
	if overflow.Load() != 1 {
		t.Errorf("%d were counted", overflow.Load())
	}
	first.Close()
	for deadline := time.Now().Add(time.Minute); ; { // its place is free when its handler has returned
		c := dial(t, addr)
		must(t, c.SetReadDeadline(time.Now().Add(20*time.Millisecond)))
		if _, err := c.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("no place became free")
		}
	}
}

func TestClientsThatHangUpAreNoticed(t *testing.T) {
	for name, end := range map[socket.End]func(*net.TCPConn){
		socket.HalfClosed: func(c *net.TCPConn) { must(t, c.CloseWrite()) },
		socket.Gone:       func(c *net.TCPConn) { must(t, c.SetLinger(0)); c.Close() },
	} {
		told := make(chan socket.End, 100)
		addr, _ := serve(t, Config{Every: 5 * time.Millisecond}, func(_ context.Context, c *Conn) {
			done := make(chan struct{})
			once := sync.OnceFunc(func() { close(done) })
			c.OnGone(func(e socket.End) { told <- e; once() })
			c.Enter(Waiting)
			<-done
		})
		end(dial(t, addr))
		if got := <-told; got != name {
			t.Errorf("got %d, want %d", got, name)
		}
	}
}

func TestLingerLetsThePeerReadOn(t *testing.T) {
	addr, _ := serve(t, Config{}, func(_ context.Context, c *Conn) {
		fmt.Fprint(c, "last words")
		Linger(c.Conn, time.Minute)
	})
	c := dial(t, addr)
	fmt.Fprint(c, "more than is read")
	<-time.After(20 * time.Millisecond)
	fmt.Fprint(c, "and more") // would reset a connection that was just closed
	if all, err := io.ReadAll(c); err != nil || string(all) != "last words" {
		t.Errorf("got %q, %v", all, err)
	}
}

// must fails the test on an error of something that cannot go wrong.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

// A client that never sent anything and closes while the server drains is not waited
// for, and not looked at over and over until the time to drain is over.
func TestDetectEndsWithItsClientDuringADrain(t *testing.T) {
	synced := make(chan *Conn)
	got := make(chan error, 1)
	addr, stop := serve(t, Config{Drain: time.Minute}, func(_ context.Context, c *Conn) {
		synced <- c
		<-synced
		_, err := Detect(c, Detection{})
		got <- err
	})
	client := dial(t, addr)
	c := <-synced
	go stop()
	for !c.Draining() {
		runtime.Gosched()
	}
	must(t, client.CloseWrite())
	synced <- c
	select {
	case err := <-got:
		if !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	case <-time.After(time.Minute):
		t.Error("Detect goes on")
	}
}
