package run

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// sidecar records what it is told.
type sidecar struct {
	ready chan struct{}
	told  chan string // what happened, in order

	mu  sync.Mutex
	all []string
}

func newSidecar() *sidecar {
	s := &sidecar{ready: make(chan struct{}), told: make(chan string, 10)}
	close(s.ready)
	return s
}

func (s *sidecar) Ready() <-chan struct{}        { return s.ready }
func (s *sidecar) SetState(i mesh.InstanceState) { s.note(string(i)) }
func (s *sidecar) DrainInbound()                 { s.note("drained") }

func (s *sidecar) note(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, what)
	s.told <- what
}

func TestJobEndsWithItsStatus(t *testing.T) {
	s := newSidecar()
	status, err := Beside(t.Context(), s, shell("exit 4"), Probe{}, nil)
	if err != nil || status != 4 {
		t.Errorf("Beside = %d, %v; want 4", status, err)
	}
	if slices.Contains(s.all, "drained") {
		t.Error("a job that ended by itself was drained")
	}
}

func TestAppEndsAfterItsRequests(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	s := newSidecar()
	ctx, cancel := context.WithCancel(t.Context())
	app := shell("sleep 100")
	ended := make(chan int, 1)
	go func() {
		status, err := Beside(ctx, s, app, Probe{Ports: []int{l.Addr().(*net.TCPAddr).Port}}, nil)
		if err != nil {
			t.Error(err)
		}
		ended <- status
	}()
	if first := <-s.told; first != string(mesh.Ready) {
		t.Fatalf("first told %q, want ready", first)
	}
	cancel()
	if next := <-s.told; next != "drained" {
		t.Errorf("then %q, want drained before the app ends", next)
	}
	if status := <-ended; status != 143 {
		t.Errorf("status %d, want 143 (ended by SIGTERM)", status)
	}
}

func TestNothingStartsBeforeTheSidecarIsReady(t *testing.T) {
	s := &sidecar{ready: make(chan struct{}), told: make(chan string, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	mark := t.TempDir() + "/started"
	if _, err := Beside(ctx, s, shell("touch "+mark), Probe{}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(mark); err == nil {
		t.Error("the app was started without a sidecar")
	}
}

func TestSignalsReachTheApp(t *testing.T) {
	s := newSidecar()
	signals := make(chan os.Signal, 1)
	signals <- syscall.SIGKILL
	status, err := Beside(t.Context(), s, shell("sleep 100"), Probe{}, signals)
	if err != nil || status != 137 {
		t.Errorf("Beside = %d, %v; want 137", status, err)
	}
}

// An app that ends by itself leaves the mesh in order: its callers are told.
func TestEndedAppIsDrained(t *testing.T) {
	s := newSidecar()
	status, err := Beside(t.Context(), s, shell("exit 3"), Probe{Ports: []int{1}}, nil)
	if err != nil || status != 3 {
		t.Errorf("Beside = %d, %v; want 3", status, err)
	}
	if !slices.Equal(s.all, []string{"drained"}) {
		t.Errorf("the sidecar was told %v, want only that it shall drain", s.all)
	}
}

func TestAppThatDoesNotStart(t *testing.T) {
	s := newSidecar()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	p := Probe{Ports: []int{port}, Within: 100 * time.Millisecond}
	status, err := Beside(t.Context(), s, shell("sleep 100"), p, nil)
	if err == nil || !strings.Contains(err.Error(), "within 100ms") || status == 0 {
		t.Errorf("Beside = %d, %v; want an error that says how long it waited", status, err)
	}
	if slices.Contains(s.all, string(mesh.Ready)) {
		t.Error("it was announced")
	}
}

func TestAppIsAnnouncedWhenItSaysThatItIsHealthy(t *testing.T) {
	var healthy atomic.Bool
	asked := make(chan struct{}, 100)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		if !healthy.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		select {
		case asked <- struct{}{}:
		default:
		}
	}))
	defer app.Close()
	s := newSidecar()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- Alone(ctx, s, Probe{Ports: []int{app.Listener.Addr().(*net.TCPAddr).Port}, Path: "/healthz"})
	}()
	<-asked
	<-asked
	s.mu.Lock()
	if len(s.all) > 0 {
		t.Errorf("told %v before the app was healthy", s.all)
	}
	s.mu.Unlock()
	healthy.Store(true)
	for _, want := range []string{string(mesh.Ready), "drained"} {
		if got := <-s.told; got != want {
			t.Errorf("told %q, want %q", got, want)
		}
		cancel()
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// An app is ready when every port of it takes requests.
func TestEveryPortHasToAccept(t *testing.T) {
	var ports []int
	for range 2 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	if err := (Probe{Ports: ports}).Await(t.Context()); err != nil {
		t.Errorf("both accept: %v", err)
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	silent := closed.Addr().(*net.TCPAddr).Port
	closed.Close()
	err = (Probe{Ports: append(ports, silent), Within: 100 * time.Millisecond}).Await(t.Context())
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("on port %d", silent)) {
		t.Errorf("err = %v, want it to name port %d", err, silent)
	}
}
