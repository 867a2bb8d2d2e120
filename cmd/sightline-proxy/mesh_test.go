package main

import (
	"cmp"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sightline-mesh/sightline/controlplane"
	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/identity"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/loadtest/freeport"
)

// patience is how long a test waits for what should happen at once.
const patience = time.Minute

// plant is a real control plane and something that takes telemetry.
type plant struct {
	*testing.T
	address, collector, token string
	system                    *identity.Source // of the collector, which may also administer
	stopControlPlane          func()
}

func newPlant(t *testing.T) *plant {
	t.Helper()
	l := listen(t)
	c := controlplane.DefaultConfig(t.TempDir())
	c.Listen = l.Addr().String()
	p := &plant{T: t, address: c.Listen}
	cp, err := controlplane.New(c, controlplane.Deps{Listener: l})
	if err != nil {
		t.Fatal(err)
	}
	p.stopControlPlane = background(t, cp.Run)
	select {
	case <-cp.Ready():
	case <-time.After(patience):
		t.Fatal("the control plane does not start")
	}
	b, err := os.ReadFile(filepath.Join(c.Dir, controlplane.TokenFile))
	if err != nil {
		t.Fatal(err)
	}
	src, err := identity.Open(t.Context(), identity.Config{
		ControlPlane: p.address, Token: strings.TrimSpace(string(b)),
		Workload: identity.Workload{
			Service: mesh.CollectorAccount, Namespace: mesh.SystemNamespace, Account: mesh.CollectorAccount, Instance: "collector-1",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	p.system = src
	client := admin.NewClient(p.address, src.ClientTLS(src.ControlPlane()))
	defer client.Close()
	if p.token, err = client.CreateToken(t.Context(), admin.TokenRequest{By: "test"}); err != nil {
		t.Fatal(err)
	}
	p.collect(src)
	return p
}

// collect takes telemetry and forgets it.
func (p *plant) collect(src *identity.Source) {
	p.Helper()
	l := listen(p.T)
	p.collector = l.Addr().String()
	s := &http.Server{
		TLSConfig:         src.ServerTLS("http/1.1"),
		ReadHeaderTimeout: time.Second,
		Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
		}),
	}
	background(p.T, func(ctx context.Context) error {
		defer context.AfterFunc(ctx, func() { _ = s.Close() })()
		if err := s.ServeTLS(l, "", ""); ctx.Err() == nil {
			return err
		}
		return nil
	})
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	host := cmp.Or(os.Getenv(hostOfTest), "127.0.0.1")
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// freePort is one that nobody listens on, and that stays free until the app gets to it.
func freePort(t *testing.T) int {
	t.Helper()
	ports, err := freeport.Find(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	return int(ports[0].Port())
}

// background runs until the test ends or the returned func is called, which waits.
func background(t *testing.T, run func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var g errgroup.Group
	g.Go(func() error { return run(ctx) })
	stop = sync.OnceFunc(func() {
		cancel()
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// workloadProcess is a sidecar with its app, as a user runs them.
type workloadProcess struct {
	*plant
	cmd     *exec.Cmd
	app     string // host:port of the app itself
	service string
	dir     string
	admin   string // host:port of the sidecar's page
	ended   chan struct{}
}

// run starts this program's own run command, with an app that is this test again.
func (p *plant) run(service, dir string, app ...string) *workloadProcess {
	p.Helper()
	w := p.prepare(service, dir, app...)
	w.launch()
	return w
}

// prepare is run but for the start.
func (p *plant) prepare(service, dir string, app ...string) *workloadProcess {
	p.Helper()
	w := &workloadProcess{plant: p, service: service, dir: dir, ended: make(chan struct{})}
	w.admin = net.JoinHostPort("127.0.0.1", strconv.Itoa(freePort(p.T)))
	args := []string{
		"run", "--service", service, "--version", "v1", "--dir", dir,
		"--control-plane", p.address, "--collector", p.collector,
		"--outbound", "127.0.0.1:0", "--inbound", "127.0.0.1:0", "--admin", w.admin,
	}
	env := append(os.Environ(), "SIGHTLINE_TOKEN="+p.token)
	if app[0] == "serve" {
		port := freePort(p.T)
		w.app = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		args = append(args, "--port", strconv.Itoa(port))
		env = append(env, "APP_ADDRESS="+w.app)
	}
	self, err := os.Executable()
	if err != nil {
		p.Fatal(err)
	}
	w.cmd = exec.Command(self, append(append(args, "--", self), app...)...) // ended by a signal, as a user would
	// Under -race each process would take a second to end.
	w.cmd.Env = append(env, actAs+"=sidecar", "GORACE=atexit_sleep_ms=0")
	w.cmd.Stdout, w.cmd.Stderr = p.Output(), p.Output()
	return w
}

func (w *workloadProcess) launch() {
	w.Helper()
	if err := w.cmd.Start(); err != nil {
		w.Fatal(err)
	}
	go func() {
		_ = w.cmd.Wait() // the status is read from the process
		close(w.ended)
	}()
	w.Cleanup(func() { w.stop(syscall.SIGKILL) })
}

// stop signals the sidecar, waits for its end and returns its exit status.
func (w *workloadProcess) stop(s syscall.Signal) int {
	w.Helper()
	_ = w.cmd.Process.Signal(s) // it may have ended already
	return w.wait()
}

func (w *workloadProcess) wait() int {
	w.Helper()
	select {
	case <-w.ended:
	case <-time.After(patience):
		w.Fatalf("%s does not end", w.service)
	}
	return w.cmd.ProcessState.ExitCode()
}

// ask sends a request to the app itself, past the mesh.
func (w *workloadProcess) ask(path string) string {
	w.Helper()
	return w.send(http.MethodGet, path)
}

func (w *workloadProcess) send(method, path string) string {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), method, "http://"+w.app+path, nil)
	if err != nil {
		w.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// figure is one of the sidecar's metrics.
func (w *workloadProcess) figure(name string) float64 {
	w.Helper()
	res, err := http.Get("http://" + w.admin + "/metrics")
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	page, err := io.ReadAll(res.Body)
	if err != nil {
		w.Fatal(err)
	}
	for line := range strings.Lines(string(page)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				w.Fatal(err)
			}
			return n
		}
	}
	w.Fatalf("no metric %s:\n%s", name, page)
	return 0
}

// callHello has an app send a request to the service hello, which says what it is.
const (
	callHello  = "/call?url=http://hello/"
	helloSpeak = "hello from hello"
)

// reachesHello waits until the app's requests to hello are answered.
func (w *workloadProcess) reachesHello() {
	w.Helper()
	w.eventually(w.service+" reaches hello", func() bool { return w.ask(callHello) == helloSpeak })
}

// keepCalling has the app call hello with method from some goroutines at once until the returned
// func is called, which returns the answers that were wrong.
func (w *workloadProcess) keepCalling(callers int, method string) (stop func() []string) {
	over, wrong := make(chan struct{}), make(chan []string, callers)
	for range callers {
		go func() {
			var bad []string
			for {
				select {
				case <-over:
					wrong <- bad
					return
				default:
				}
				if got := w.send(method, callHello); got != helloSpeak {
					bad = append(bad, got)
				}
			}
		}()
	}
	return func() (all []string) {
		close(over)
		for range callers {
			all = append(all, <-wrong...)
		}
		return all
	}
}

// takesRequests waits until requests have come to the app by way of the mesh.
func (w *workloadProcess) takesRequests() {
	w.Helper()
	w.eventually(w.service+" takes requests", func() bool {
		n, err := strconv.Atoi(w.ask("/served"))
		return err == nil && n > 0
	})
}

// eventually waits for what takes other processes' doing.
func (p *plant) eventually(what string, ok func() bool) {
	p.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			p.Fatalf("after %s still not: %s", patience, what)
		}
	}
}
