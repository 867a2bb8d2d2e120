package push

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/wire"
	"github.com/sightline-mesh/sightline/controlplane/wire/wireconnect"
)

// replica is one of several scripted control planes, behind a wire that can be cut.
type replica struct {
	address string
	lines   chan *line
	cut     func() // from now on nothing comes through, and nobody is told
	kill    func()
}

func newReplica(t *testing.T) (*replica, *httptest.Server) {
	t.Helper()
	s := &script{streams: make(chan *line, 10)}
	mux := http.NewServeMux()
	mux.Handle(wireconnect.NewControlPlaneHandler(s))
	server := httptest.NewUnstartedServer(mux)
	server.EnableHTTP2 = true
	wired := &wireListener{Listener: server.Listener, broken: make(chan struct{})}
	server.Listener = wired
	server.StartTLS()
	t.Cleanup(func() {
		wired.cut()
		server.CloseClientConnections()
		server.Close()
	})
	return &replica{
		address: server.Listener.Addr().String(), lines: s.streams,
		cut: wired.cut,
		kill: func() {
			_ = wired.Close()
			server.CloseClientConnections()
		},
	}, server
}

// wireListener accepts connections that all fall silent at once.
type wireListener struct {
	net.Listener

	once   sync.Once
	broken chan struct{}
}

func (l *wireListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &wireConn{Conn: c, broken: l.broken, closed: make(chan struct{})}, nil
}

func (l *wireListener) cut() { l.once.Do(func() { close(l.broken) }) }

// wireConn swallows what is written and never reads again once the wire is broken.
type wireConn struct {
	net.Conn

	broken chan struct{}
	once   sync.Once
	closed chan struct{}
}

func (c *wireConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	select {
	case <-c.broken:
		<-c.closed
		return 0, net.ErrClosed
	default:
		return n, err
	}
}

func (c *wireConn) Write(b []byte) (int, error) {
	select {
	case <-c.broken:
		return len(b), nil
	default:
		return c.Conn.Write(b)
	}
}

func (c *wireConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// fleet starts a client of three control planes.
func fleet(t *testing.T) (*fixture, map[string]*replica) {
	t.Helper()
	all, addresses := map[string]*replica{}, []string{}
	var config *http.Transport
	for range 3 {
		r, server := newReplica(t)
		all[r.address] = r
		addresses = append(addresses, r.address)
		config = server.Client().Transport.(*http.Transport)
	}
	f := &fixture{sets: make(chan []mesh.Snapshot, 100)}
	f.Client = New(Config{ControlPlane: strings.Join(addresses, ","), TLS: config.TLSClientConfig}, f.put)
	f.Subscribe("reviews")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = f.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-done })
	return f, all
}

// greeted is the hello of the stream that comes next to any but one replica.
func greeted(t *testing.T, all map[string]*replica, but string) (*replica, *line, *wire.Hello) {
	t.Helper()
	came := make(chan struct{})
	defer close(came)
	type arrival struct {
		r *replica
		l *line
	}
	first := make(chan arrival)
	for _, r := range all {
		if r.address == but {
			continue
		}
		go func() {
			select {
			case l := <-r.lines:
				first <- arrival{r, l}
			case <-came:
			}
		}()
	}
	a := take(t, "stream", first)
	return a.r, a.l, take(t, "hello", a.l.said).GetHello()
}

func TestAnotherControlPlaneIsFound(t *testing.T) {
	for name, fail := range map[string]func(*replica){
		"killed":  func(r *replica) { r.kill() },
		"cut off": func(r *replica) { r.cut() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, all := fleet(t)
			first, l, hello := greeted(t, all, "")
			if hello.GetVersion() != 0 {
				t.Errorf("has version %d before any push", hello.GetVersion())
			}
			l.push <- &wire.Push{Sequence: 1, Version: 7, Epoch: "one"}
			take(t, "set", f.sets)
			start := time.Now()
			fail(first)
			second, _, hello := greeted(t, all, first.address)
			t.Logf("%s was left for %s after %s", first.address, second.address, time.Since(start))
			if hello.GetVersion() != 7 || hello.GetEpoch() != "one" {
				t.Errorf("says it has version %d of %q, want 7 of one", hello.GetVersion(), hello.GetEpoch())
			}
		})
	}
}

func TestAControlPlaneThatPushesNothingIsLeft(t *testing.T) {
	t.Parallel()
	_, all := fleet(t)
	first, _, _ := greeted(t, all, "")
	if second, _, _ := greeted(t, all, first.address); second == nil {
		t.Error("stayed")
	}
}

func TestRest(t *testing.T) {
	p := newPlanes(Config{ControlPlane: "a:1,b:1,c:1"})
	for failures, want := range []time.Duration{several.again, several.again, several.again, 2 * several.again} {
		if got := p.rest(failures); got != want {
			t.Errorf("after %d failures: %s, want %s", failures, got, want)
		}
	}
	if got := p.rest(1000); got != backoffCeiling {
		t.Errorf("rests at most %s", got)
	}
	if p = newPlanes(Config{ControlPlane: "a:1"}); p.pace != alone || p.rest(1) != 2*alone.again {
		t.Error("a control plane without company is given the time of one with")
	}
}
