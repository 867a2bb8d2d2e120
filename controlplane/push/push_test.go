package push

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/wire"
	"github.com/sightline-mesh/sightline/controlplane/wire/wireconnect"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = time.Minute

// script is a control plane whose lines a test speaks.
type script struct {
	wireconnect.UnimplementedControlPlaneHandler

	streams chan *line
}

// line is one stream of it.
type line struct {
	said chan *wire.SubscribeRequest
	push chan *wire.Push
	end  chan error
}

func (s *script) Subscribe(ctx context.Context, st *connect.BidiStream[wire.SubscribeRequest, wire.Push]) error {
	l := &line{said: make(chan *wire.SubscribeRequest, 100), push: make(chan *wire.Push), end: make(chan error)}
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		defer close(l.said)
		for {
			m, err := st.Receive()
			if err != nil {
				return
			}
			l.said <- m
		}
	}()
	s.streams <- l
	for {
		select {
		case p := <-l.push:
			if err := st.Send(p); err != nil {
				return err
			}
		case err := <-l.end:
			return err
		case <-heard:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

type fixture struct {
	*Client
	streams chan *line
	sets    chan []mesh.Snapshot
	stop    func()

	mu     sync.Mutex
	refuse error
}

// start runs a client against a script.
func start(t *testing.T, dir string, wants ...mesh.ServiceName) *fixture {
	t.Helper()
	return startWith(t, func(c *Config) { c.Dir = dir }, wants...)
}

func startWith(t *testing.T, change func(*Config), wants ...mesh.ServiceName) *fixture {
	t.Helper()
	s := &script{streams: make(chan *line, 10)}
	mux := http.NewServeMux()
	mux.Handle(wireconnect.NewControlPlaneHandler(s))
	server := httptest.NewUnstartedServer(mux)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)

	f := &fixture{streams: s.streams, sets: make(chan []mesh.Snapshot, 100)}
	cfg := Config{
		ControlPlane: server.Listener.Addr().String(),
		TLS:          server.Client().Transport.(*http.Transport).TLSClientConfig,
		Instance:     mesh.Instance{ID: "web-1", Address: netip.MustParseAddrPort("127.0.0.1:1"), State: mesh.Starting},
	}
	change(&cfg)
	f.Client = New(cfg, f.put)
	f.Subscribe(wants...)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = f.Run(ctx)
	}()
	f.stop = sync.OnceFunc(func() {
		cancel()
		<-done
	})
	t.Cleanup(f.stop)
	return f
}

func (f *fixture) put(snaps []mesh.Snapshot) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuse != nil {
		return f.refuse
	}
	f.sets <- snaps
	return nil
}

func (f *fixture) refuseWith(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refuse = err
}

// take is the next value of a channel, which must come soon.
func take[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("no %s came", what)
	}
	panic("not reached")
}

// hear skips what the client says until pick takes something.
func hear[T any](t *testing.T, l *line, what string, pick func(*wire.SubscribeRequest) *T) *T {
	t.Helper()
	for {
		m := take(t, what, l.said)
		if m == nil {
			t.Fatalf("the client hung up before it said %s", what)
		}
		if v := pick(m); v != nil {
			return v
		}
	}
}

func ofService(version uint64, names ...string) *wire.Push {
	p := &wire.Push{Sequence: version, Version: version, Services: names}
	for _, n := range names {
		p.Snapshots = append(p.Snapshots, &wire.Snapshot{Service: n, Version: version, Known: true})
	}
	return p
}

func versions(set []mesh.Snapshot) map[mesh.ServiceName]uint64 {
	out := map[mesh.ServiceName]uint64{}
	for _, s := range set {
		out[s.Service] = s.Version
	}
	return out
}

func TestConversation(t *testing.T) {
	f := start(t, "", "reviews")
	l := take(t, "stream", f.streams)
	if h := hear(t, l, "hello", (*wire.SubscribeRequest).GetHello); h.GetInstance().GetId() != "web-1" || h.GetInstance().GetState() != "starting" {
		t.Errorf("hello: %v", h)
	}
	if w := hear(t, l, "want", (*wire.SubscribeRequest).GetWant); !slices.Equal(w.GetServices(), []string{"reviews"}) {
		t.Errorf("want: %v", w)
	}
	l.push <- ofService(1, "reviews", "ratings")
	if diff := cmp.Diff(map[mesh.ServiceName]uint64{"reviews": 1, "ratings": 1}, versions(take(t, "set", f.sets))); diff != "" {
		t.Error(diff)
	}
	if a := hear(t, l, "ack", (*wire.SubscribeRequest).GetAck); !a.GetAccepted() || a.GetSequence() != 1 {
		t.Errorf("ack: %v", a)
	}
	f.SetState(mesh.Ready)
	f.SetState(mesh.Ready)
	if s := hear(t, l, "state", (*wire.SubscribeRequest).GetState); s.GetState() != "ready" {
		t.Errorf("state: %v", s)
	}
	f.Subscribe("details", "reviews")
	if w := hear(t, l, "want", (*wire.SubscribeRequest).GetWant); !slices.Equal(w.GetServices(), []string{"details", "reviews"}) {
		t.Errorf("want: %v", w)
	}
	f.Unsubscribe("details", "never-asked")
	if w := hear(t, l, "want", (*wire.SubscribeRequest).GetWant); !slices.Equal(w.GetServices(), []string{"reviews"}) {
		t.Errorf("want: %v", w)
	}
	if got := f.Services(); !slices.Equal(got, []mesh.ServiceName{"reviews"}) {
		t.Errorf("services: %v", got)
	}
	changed := ofService(2, "ratings")
	changed.Services = []string{"reviews", "ratings"}
	l.push <- changed
	if diff := cmp.Diff(map[mesh.ServiceName]uint64{"reviews": 1, "ratings": 2}, versions(take(t, "set", f.sets))); diff != "" {
		t.Errorf("a push of one change is a whole set: %s", diff)
	}
	f.stop()
	hear(t, l, "goodbye", (*wire.SubscribeRequest).GetGoodbye)
}

func TestRefusedSetStaysOut(t *testing.T) {
	f := start(t, "", "reviews")
	l := take(t, "stream", f.streams)
	l.push <- ofService(1, "reviews")
	take(t, "set", f.sets)
	hear(t, l, "ack", (*wire.SubscribeRequest).GetAck)

	f.refuseWith(errors.New("route x: bad regex"))
	l.push <- ofService(2, "reviews")
	if a := hear(t, l, "ack", (*wire.SubscribeRequest).GetAck); a.GetAccepted() || a.GetReason() != "route x: bad regex" || a.GetSequence() != 2 {
		t.Errorf("ack: %v", a)
	}
	if s := f.Status(); s.Version != 1 || s.Refusal == "" || !s.Connected {
		t.Errorf("status: %+v, want version 1 and the refusal", s)
	}
	f.refuseWith(nil)
	broken := ofService(3, "reviews")
	broken.Snapshots[0].Instances = []*wire.Instance{{Id: "r-1", Address: "nowhere"}}
	l.push <- broken
	if a := hear(t, l, "ack", (*wire.SubscribeRequest).GetAck); a.GetAccepted() {
		t.Error("accepted an instance without an address")
	}
	l.push <- ofService(4, "reviews")
	take(t, "set", f.sets)
	if a := hear(t, l, "ack", (*wire.SubscribeRequest).GetAck); !a.GetAccepted() {
		t.Errorf("ack: %v", a)
	}
	if s := f.Status(); s.Version != 4 || s.Refusal != "" {
		t.Errorf("status: %+v, want version 4 and no refusal", s)
	}
}

func TestStreamIsMadeAgain(t *testing.T) {
	f := start(t, "", "reviews")
	l := take(t, "stream", f.streams)
	l.push <- ofService(5, "reviews")
	take(t, "set", f.sets)
	f.SetState(mesh.Ready)
	hear(t, l, "state", (*wire.SubscribeRequest).GetState)
	l.end <- connect.NewError(connect.CodeUnavailable, errors.New("restart"))

	l = take(t, "second stream", f.streams)
	if h := hear(t, l, "hello", (*wire.SubscribeRequest).GetHello); h.GetInstance().GetState() != "ready" {
		t.Errorf("hello: %v, want the state of now", h)
	}
	if w := hear(t, l, "want", (*wire.SubscribeRequest).GetWant); !slices.Equal(w.GetServices(), []string{"reviews"}) {
		t.Errorf("want: %v", w)
	}
	l.push <- ofService(1, "reviews") // a control plane may have lost its state: its word counts
	if got := versions(take(t, "set", f.sets)); got["reviews"] != 1 {
		t.Errorf("got %v, want version 1", got)
	}
	torn := ofService(2, "reviews")
	torn.Services = append(torn.Services, "never-sent")
	l.push <- torn
	take(t, "third stream, as the second made no sense", f.streams)
}

func TestLastSetIsTakenFromDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "feed")
	f := start(t, dir, "reviews")
	l := take(t, "stream", f.streams)
	l.push <- ofService(7, "reviews", "ratings")
	take(t, "set", f.sets)
	hear(t, l, "ack", (*wire.SubscribeRequest).GetAck)
	f.refuseWith(errors.New("no"))
	l.push <- ofService(8, "reviews", "ratings")
	hear(t, l, "ack", (*wire.SubscribeRequest).GetAck)
	f.stop()

	f = start(t, dir, "details")
	take(t, "word that the set on disk is in force", f.Restored())
	if len(f.sets) == 0 {
		t.Error("it is not in force")
	}
	if diff := cmp.Diff(map[mesh.ServiceName]uint64{"reviews": 7, "ratings": 7}, versions(take(t, "set from disk", f.sets))); diff != "" {
		t.Errorf("the set that was accepted last: %s", diff)
	}
	l = take(t, "stream", f.streams)
	if w := hear(t, l, "want", (*wire.SubscribeRequest).GetWant); !slices.Equal(w.GetServices(), []string{"details", "reviews"}) {
		t.Errorf("want: %v, want what was asked for before, too", w)
	}
	f.stop()

	if err := os.WriteFile(filepath.Join(dir, snapshotFile), []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	f = start(t, dir, "details")
	l = take(t, "stream", f.streams)
	l.push <- ofService(9, "details")
	if got := versions(take(t, "set", f.sets)); got["details"] != 9 {
		t.Errorf("after a torn file: %v", got)
	}
}

// A client that yields says no goodbye: another process goes on as its instance.
func TestYieldTakesNoLeave(t *testing.T) {
	f := start(t, "", "reviews")
	l := take(t, "stream", f.streams)
	hear(t, l, "want", (*wire.SubscribeRequest).GetWant)
	f.Yield()
	f.Yield() // once is enough
	for m := take(t, "end of the stream", l.said); m != nil; m = take(t, "end of the stream", l.said) {
		if m.GetGoodbye() != nil {
			t.Error("it said goodbye")
		}
	}
	f.stop()
	select {
	case <-f.streams:
		t.Error("it came back")
	default:
	}
}

func FuzzReadSaved(f *testing.F) {
	f.Add([]byte("torn"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		path := filepath.Join(t.TempDir(), snapshotFile)
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		_, snaps, err := readSaved(path)
		for _, s := range snaps {
			if err == nil && s.Service == "" {
				t.Error("read a snapshot of no service")
			}
		}
	})
}
