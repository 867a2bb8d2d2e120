package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/cmd/sightline/client"
	"github.com/sightline-mesh/sightline/cmd/sightline/demo"
	"github.com/sightline-mesh/sightline/loadtest/freeport"
	"github.com/sightline-mesh/sightline/ui/session"
)

// program is the path of one of the built programs.
func program(t *testing.T, name string) string {
	t.Helper()
	if os.Getenv("SIGHTLINE_E2E") == "" {
		t.Skip("SIGHTLINE_E2E is not set: run `make test`")
	}
	p, err := filepath.Abs(filepath.Join("..", "..", "bin", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(p); err != nil {
		t.Fatalf("%v: run `make build`", err)
	}
	return p
}

// freePorts finds n loopback addresses that nobody listens on.
func freePorts(t *testing.T, n int) []string {
	t.Helper()
	ports, err := freeport.Find(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, p := range ports {
		out = append(out, p.String())
	}
	return out
}

// running is one program under test.
type running struct {
	cmd    *exec.Cmd
	stdout bytes.Buffer
	ended  chan struct{} // closed when the program has
	err    error         // its end; read after ended

	mu    sync.Mutex
	lines []string // of standard error
}

// start runs a program until the test ends; it is then told to end, and must.
func start(t *testing.T, path string, args ...string) *running {
	t.Helper()
	return startCommand(t, exec.Command(path, args...))
}

// startCommand is start for a command with an environment of its own.
func startCommand(t *testing.T, c *exec.Cmd) *running {
	t.Helper()
	r := &running{cmd: c, ended: make(chan struct{})}
	r.cmd.Stdout = &r.stdout
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	errs, err := r.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		for s := bufio.NewScanner(errs); s.Scan(); {
			r.mu.Lock()
			r.lines = append(r.lines, s.Text())
			r.mu.Unlock()
		}
		r.err = r.cmd.Wait()
		close(r.ended)
	}()
	t.Cleanup(func() { r.end(t) })
	return r
}

func (r *running) end(t *testing.T) {
	t.Helper()
	_ = r.cmd.Process.Signal(syscall.SIGINT)
	select {
	case <-r.ended:
	case <-time.After(time.Minute):
		r.dump()
		t.Errorf("%s did not end within a minute of SIGINT", filepath.Base(r.cmd.Path))
	}
	if t.Failed() {
		t.Logf("%s said:\n%s", filepath.Base(r.cmd.Path), r.said())
	}
}

// dump has a program that hangs say where, and ends it.
func (r *running) dump() {
	_ = r.cmd.Process.Signal(syscall.SIGQUIT)
	select {
	case <-r.ended:
	case <-time.After(10 * time.Second):
		_ = r.cmd.Process.Kill()
	}
}

func (r *running) said() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.lines, "\n")
}

// mesh is a running demo and what is needed to look into it.
type mesh struct {
	*running
	dir                     string
	api                     *client.Client
	url                     string
	controlPlane, collector string
	otlp                    string                // where apps send OTLP over gRPC
	at                      map[string]demo.Place // by "service:version", the load by "load:"
}

// meshFlags puts every port on a free one.
func meshFlags(t *testing.T, dir string) (flags []string, listen map[string]string) {
	t.Helper()
	listen = map[string]string{}
	flags = []string{"--dir", dir}
	names := []string{"listen", "control-plane-listen", "otlp-grpc-listen", "otlp-http-listen", "store-listen"}
	for i, p := range freePorts(t, len(names)) {
		listen[names[i]] = p
		flags = append(flags, "--"+names[i], p)
	}
	return flags, listen
}

// startMesh starts `sightline up` and waits until it is.
func startMesh(t *testing.T, args ...string) *mesh {
	t.Helper()
	return startAs(t, "up", "Sightline is up", args...)
}

// startAs starts a mesh by a command and waits until it says something.
func startAs(t *testing.T, command, says string, args ...string) *mesh {
	t.Helper()
	m := &mesh{dir: t.TempDir()}
	flags, listen := meshFlags(t, m.dir)
	m.url, m.otlp = "http://"+listen["listen"], listen["otlp-grpc-listen"]
	m.controlPlane, m.collector = listen["control-plane-listen"], listen["otlp-http-listen"]
	m.running = start(t, program(t, "sightline"), append(append([]string{command}, flags...), args...)...)
	m.await(t, 3*time.Minute, "the program to say "+says, func() bool { return strings.Contains(m.said(), says) })
	token, err := client.TokenFile(filepath.Join(m.dir, "ui", session.TokenFile))
	if err != nil {
		t.Fatal(err)
	}
	if m.api, err = client.New(m.url, token); err != nil {
		t.Fatal(err)
	}
	return m
}

// startDemo starts `sightline demo` and waits until the shop answers.
func startDemo(t *testing.T, args ...string) *mesh {
	t.Helper()
	m := startAs(t, "demo", "load: ", args...)
	b, err := os.ReadFile(filepath.Join(m.dir, demo.CastFile))
	if err != nil {
		t.Fatal(err)
	}
	var places []demo.Place
	if err := json.Unmarshal(b, &places); err != nil {
		t.Fatal(err)
	}
	m.at = map[string]demo.Place{}
	for _, p := range places {
		m.at[p.Service+":"+p.Version] = p
	}
	return m
}

// await polls for something that happens in other processes.
func (r *running) await(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(limit)
	for !ok() {
		select {
		case <-tick.C:
		case <-r.ended:
			t.Fatalf("waiting for %s: the program ended: %v\n%s", what, r.err, r.said())
		case <-deadline:
			t.Fatalf("waited %s for %s\n%s", limit, what, r.said())
		}
	}
}

// command runs a command of the program against this mesh and returns its output.
func (m *mesh) command(t *testing.T, args ...string) (string, error) {
	t.Helper()
	c := exec.CommandContext(t.Context(), program(t, "sightline"), append([]string{"--dir", m.dir, "--server", m.url}, args...)...)
	out, err := c.CombinedOutput()
	return string(out), err
}

// get asks the API and fails the test if it does not answer.
func (m *mesh) get(t *testing.T, path string, out any) {
	t.Helper()
	if err := m.api.Get(t.Context(), path, nil, out); err != nil {
		t.Fatalf("GET %s: %v", path, err)
	}
}

// through is a client whose requests enter the mesh at a sidecar's outbound listener.
func through(outbound string) *http.Client {
	return &http.Client{Timeout: time.Minute, Transport: &http.Transport{
		Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: outbound}), MaxIdleConnsPerHost: 32,
	}}
}

// ask gets a URL and returns status and body.
func ask(t *testing.T, c *http.Client, target string, header ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := c.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err.Error()
	}
	return res.StatusCode, string(b)
}

// run runs a tool to its end and returns what it printed.
func run(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	return string(out), err
}
