package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/admin"
)

// sidecarUser is whom sidecars run as, but for one that is misconfigured.
const sidecarUser = "1337"

// field is the network of the test: a control plane, and what runs where.
type field struct {
	*plant
	self         string
	stock, cache string // namespaces
}

// in is a command line in a namespace; "" is this one.
func in(namespace string, args ...string) []string {
	if namespace == "" {
		return args
	}
	return append([]string{"ip", "netns", "exec", namespace}, args...)
}

// spawn runs a program until the test ends or the returned func is called.
func (f *field) spawn(t *testing.T, env []string, args ...string) (stop func()) {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...) // ended by a signal, as a user would
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = f.Output(), f.Output()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	over := false
	stop = func() {
		if over {
			return
		}
		over = true
		_ = cmd.Process.Signal(syscall.SIGTERM)
		timer := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
		defer timer.Stop()
		_ = cmd.Wait() // how it ends does not matter here
	}
	t.Cleanup(stop)
	return stop
}

// sidecar starts one as a user, in a namespace.
func (f *field) sidecar(t *testing.T, namespace, user, service string, flags ...string) (stop func()) {
	t.Helper()
	dir, err := os.MkdirTemp(filepath.Dir(f.self), service) //nolint:usetesting // another user is to get there
	if err != nil {
		t.Fatal(err)
	}
	args := in(namespace, "setpriv", "--reuid="+user, "--clear-groups", f.self, "run", "--service", service, "--dir", filepath.Join(dir, "state"),
		"--control-plane", f.address, "--collector", f.collector, "--drain", "1s")
	if err := os.Chmod(dir, 0o777); err != nil { //nolint:gosec // the sidecar's user is another
		t.Fatal(err)
	}
	return f.spawn(t, []string{actAs + "=sidecar", "SIGHTLINE_TOKEN=" + f.token}, append(args, flags...)...)
}

// do runs a command line in a namespace and returns what it printed.
func (*field) do(t *testing.T, namespace string, args ...string) (string, error) {
	t.Helper()
	args = in(namespace, args...)
	out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput()
	return string(out), err
}

func (f *field) must(t *testing.T, namespace string, args ...string) string {
	t.Helper()
	out, err := f.do(t, namespace, args...)
	if err != nil {
		t.Fatalf("%s: %v: %s", strings.Join(args, " "), err, out)
	}
	return out
}

// init runs this program's init command in a namespace.
func (f *field) init(t *testing.T, namespace string, flags ...string) {
	t.Helper()
	cmd := append([]string{"env", actAs + "=sidecar", f.self, "init"}, flags...)
	t.Log(f.must(t, namespace, cmd...))
}

// want expects a command to print something.
func (f *field) want(t *testing.T, want string, args ...string) {
	t.Helper()
	out, err := f.do(t, "", args...)
	if !strings.Contains(out, want) {
		t.Errorf("%s: got %q, %v; want %q", strings.Join(args, " "), out, err, want)
	}
}

// await is want for what takes a while to be so.
func (f *field) await(t *testing.T, want string, args ...string) {
	t.Helper()
	f.eventually(strings.Join(args, " ")+": "+want, func() bool {
		out, _ := f.do(t, "", args...)
		return strings.Contains(out, want)
	})
}

const (
	byMesh  = "seen from 127.0.0.1, id true" // by the sidecar next to the app
	direct4 = "seen from " + callerHere + ", id false"
	direct6 = "seen from fd78:1::1, id false"
)

// TestIntercepted runs in the caller's namespace.
func TestIntercepted(t *testing.T) {
	others := strings.Split(os.Getenv(inside), ",")
	if len(others) != 2 {
		t.Skip("TestInterception runs it in namespaces of its own")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f := &field{plant: newPlant(t), self: self, stock: others[0], cache: others[1]}
	f.services(t)
	for _, backend := range []string{"nft", "iptables"} {
		t.Run(backend, func(t *testing.T) { f.backend(t, backend) })
	}
}

// services starts those of the others' machines: stock over HTTP, cache that is Redis,
// mail that speaks first; and beside stock one that is not in the mesh.
func (f *field) services(t *testing.T) {
	app := func(namespace string, env []string, args ...string) {
		f.spawn(t, append(env, actAs+"=app"), in(namespace, args...)...)
	}
	app(f.stock, []string{"APP_ADDRESS=[::]:8080"}, f.self, "serve")
	app(f.stock, []string{"APP_ADDRESS=[::]:9999"}, f.self, "serve")
	app(f.stock, nil, f.self, "greet", "[::]:9998")
	app(f.cache, nil, f.self, "greet", "127.0.0.1:2525")
	app(f.cache, nil, "redis-server", "--bind", "127.0.0.1", "--port", "6379", "--save", "", "--daemonize", "no")
	f.sidecar(t, f.stock, sidecarUser, "stock", "--port", "8080", "--advertise", stock4)
	f.sidecar(t, f.cache, sidecarUser, "cache", "--port", "6379", "--advertise", cache4)
	f.sidecar(t, f.cache, sidecarUser, "mail", "--port", "2525", "--app-protocol", "tcp", "--inbound", ":15106", "--advertise", cache4)
}

// backend installs the rules by one program, calls everybody, and takes them back.
func (f *field) backend(t *testing.T, backend string) {
	spaces := []string{"", f.stock}
	before := map[string]string{}
	for _, n := range spaces {
		for _, program := range []string{"iptables", "ip6tables"} { // rules of others, which stay
			for _, chain := range []string{"OUTPUT", "PREROUTING"} {
				f.must(t, n, program, "-t", "nat", "-A", chain, "-p", "udp", "-j", "ACCEPT")
			}
		}
		before[n] = f.ruleset(t, n)
	}
	f.await(t, direct4, "curl", "-4", "-sS", "-m", "10", "http://stock:8080/seen") // nothing is in the way yet

	f.init(t, f.stock, "--backend", backend, "--uid", sidecarUser, "--exclude-inbound-ports", "22,9998,9999")
	// The control plane and the collector are on the caller's machine, for all to reach.
	_, control, _ := strings.Cut(f.address, ":")
	_, collector, _ := strings.Cut(f.collector, ":")
	f.init(t, "", "--backend", backend, "--uid", sidecarUser, "--exclude-outbound-cidrs", "10.78.0.0/16")
	f.want(t, "reset by peer", "curl", "-4", "-sS", "-m", "10", "http://stock:8080/seen")                       // plaintext is not for stock
	f.init(t, "", "--backend", backend, "--uid", sidecarUser, "--exclude-inbound-ports", control+","+collector) // in the place of the first
	t.Run("transparent", f.transparent)
	t.Run("registry only", f.registryOnly)
	t.Run("loop", f.loop)
	f.init(t, "", "--backend", backend, "--uid", "0", "--exclude-inbound-ports", control+","+collector)
	t.Run("app of another user", f.appUser)

	f.init(t, "", "--undo")
	if out, err := f.do(t, "", "curl", "-sS", "-m", "10", "http://stock:8080/seen"); err == nil {
		t.Errorf("plaintext from outside got in: %s", out)
	}
	f.want(t, direct4, "curl", "-4", "-sS", "-m", "10", "http://stock:9999/seen")
	f.init(t, f.stock, "--undo")
	f.init(t, f.stock, "--undo") // and once more, with nothing there
	for _, n := range spaces {
		if after := f.ruleset(t, n); after != before[n] {
			t.Errorf("rules left behind:\n%s\nbefore:\n%s", after, before[n])
		}
	}
}

// ruleset is all the rules there are, without counters.
func (f *field) ruleset(t *testing.T, namespace string) string {
	t.Helper()
	var all strings.Builder
	all.WriteString(f.must(t, namespace, "nft", "-s", "list", "ruleset"))
	for _, save := range []string{"iptables-save", "ip6tables-save"} {
		for line := range strings.Lines(f.must(t, namespace, save)) {
			if chain, _, ok := strings.Cut(line, "["); ok && strings.HasPrefix(line, ":") {
				line = chain + "\n"
			}
			if !strings.HasPrefix(line, "#") {
				all.WriteString(line)
			}
		}
	}
	return all.String()
}

// Python's own clients: plain, and with CONNECT.
const (
	python = `import urllib.request
print(urllib.request.urlopen("http://stock:8080/seen", timeout=10).read().decode())`
	pythonTunnel = `import http.client
c = http.client.HTTPConnection("127.0.0.1", 15001, timeout=10)
c.set_tunnel("stock", 8080)
c.request("GET", "/seen")
print(c.getresponse().read().decode())`
)

// transparent calls everybody with programs that know nothing of a sidecar.
func (f *field) transparent(t *testing.T) {
	stop := f.sidecar(t, "", sidecarUser, "caller", "--interception", "transparent", "--upstream", "cache", "--upstream", "mail")
	defer stop()
	f.await(t, byMesh, "curl", "-4", "-sS", "-m", "10", "http://stock:8080/seen")
	f.want(t, byMesh, "curl", "-6", "-sS", "-m", "10", "http://stock:8080/seen")
	f.want(t, byMesh, "python3", "-c", python)
	for _, network := range []string{"tcp4", "tcp6"} {
		if got := goGet(t, network, "http://stock:8080/seen"); got != byMesh {
			t.Errorf("Go over %s: %q", network, got)
		}
	}
	// Redis by the address of an instance: nothing in its bytes says whom it wants.
	f.await(t, "PONG", "redis-cli", "-h", cache4, "ping")
	f.want(t, "OK", "redis-cli", "-h", cache4, "set", "k", "v")
	f.want(t, "v", "redis-cli", "-h", cache4, "get", "k")
	f.await(t, "220 greeter\r\nHELLO", "sh", "-c", "printf hello | timeout 10 nc -N "+cache4+" 2525")
	// What is not in the mesh is reached as before.
	f.want(t, direct4, "curl", "-4", "-sS", "-m", "10", "http://stock:9999/seen", "-H", "Host: elsewhere.example.com")
	f.want(t, direct6, "curl", "-6", "-sS", "-m", "10", "http://stock:9999/seen", "-H", "Host: elsewhere.example.com")
	f.want(t, "220 greeter\r\nHELLO", "sh", "-c", "printf hello | timeout 10 nc -4 -N stock 9998")
	// The way of a proxy of HTTP still works, and CONNECT as one of HTTPS.
	f.want(t, byMesh, "curl", "-sS", "-m", "10", "-x", "http://127.0.0.1:15001", "http://stock/seen")
	f.want(t, byMesh, "env", "http_proxy=http://127.0.0.1:15001", "python3", "-c", python)
	const byStream = "seen from 127.0.0.1, id false" // what it carries is not touched
	f.want(t, byStream, "python3", "-c", pythonTunnel)
	f.want(t, byStream, "curl", "-sS", "-m", "10", "-p", "-x", "http://127.0.0.1:15001", "http://stock:1/seen")
}

// registryOnly lets nothing out of the mesh.
func (f *field) registryOnly(t *testing.T) {
	stop := f.sidecar(t, "", sidecarUser, "caller", "--interception", "transparent", "--outbound-policy", "registry-only")
	defer stop()
	f.await(t, byMesh, "curl", "-4", "-sS", "-m", "10", "http://stock:8080/seen")
	f.want(t, "404", "curl", "-4", "-sS", "-m", "10", "-w", "%{http_code}", "http://stock:9999/seen", "-H", "Host: elsewhere.example.com")
	f.want(t, "reset by peer", "python3", "-c", "import socket; s = socket.create_connection(('"+stock4+"', 9998), 10); print(s.recv(100))")
	t.Run("but for an entry", f.onward)
}

// onwardEntry lets some hosts be called that nobody knows the address of.
const onwardEntry = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: elsewhere}
spec:
  hosts: ["*.example.com"]
  resolution: NONE
  ports: [{number: 9999, name: http, protocol: HTTP}]
`

// onwardTwice asks for two hosts over one connection.
const onwardTwice = `import http.client
c = http.client.HTTPConnection("stock", 9999, timeout=10)
for host in "elsewhere.example.com", "elsewhere.example.net":
    c.request("GET", "/seen", headers={"Host": host})
    r = c.getresponse()
    print(host, r.status, r.read().decode().split(",")[0])`

// onward has an entry of resolution NONE let out what is of it, and nothing else.
func (f *field) onward(t *testing.T) {
	c := admin.NewClient(f.address, f.system.ClientTLS(f.system.ControlPlane()))
	defer c.Close()
	if findings, err := c.Apply(t.Context(), []byte(onwardEntry), "test", false); err != nil {
		t.Fatalf("%v %v", findings, err)
	}
	defer func() {
		if err := c.Delete(context.WithoutCancel(t.Context()), "ServiceEntry", "default", "elsewhere", "test"); err != nil {
			t.Error(err)
		}
		f.await(t, "404", "curl", "-4", "-sS", "-m", "10", "-w", "%{http_code}", "http://stock:9999/seen", "-H", "Host: elsewhere.example.com")
	}()
	f.await(t, "seen from "+callerHere, "curl", "-4", "-sS", "-m", "10", "http://stock:9999/seen", "-H", "Host: elsewhere.example.com")
	f.want(t, "404", "curl", "-4", "-sS", "-m", "10", "-w", "%{http_code}", "http://stock:9999/seen", "-H", "Host: elsewhere.example.net")
	f.want(t, "404", "curl", "-4", "-sS", "-m", "10", "-w", "%{http_code}", "http://stock:9998/", "-H", "Host: elsewhere.example.com")
	out := f.must(t, "", "python3", "-c", onwardTwice)
	if !strings.Contains(out, "elsewhere.example.com 200 seen from ") || !strings.Contains(out, "elsewhere.example.net 404 ") {
		t.Errorf("two hosts over one connection:\n%s", out)
	}
}

// loop runs the sidecar as a user whose connections are redirected: to itself.
func (f *field) loop(t *testing.T) {
	stop := f.sidecar(t, "", "1338", "caller", "--interception", "transparent")
	defer stop()
	f.await(t, "reset by peer", "curl", "-4", "-sS", "-m", "10", "http://stock:9999/seen", "-H", "Host: elsewhere.example.com")
}

// appUser runs an app beside its sidecar, which root runs: the kernel tells them apart.
func (f *field) appUser(t *testing.T) {
	args := []string{
		"env", actAs + "=sidecar", "SIGHTLINE_TOKEN=" + f.token, f.self, "run", "--service", "caller", "--dir", filepath.Join(t.TempDir(), "state"),
		"--control-plane", f.address, "--collector", f.collector, "--drain", "1s", "--interception", "transparent",
	}
	app := []string{"--", "curl", "--noproxy", "*", "-4", "-sS", "-m", "20", "http://stock:8080/seen"} // which run tells of its proxy
	f.want(t, byMesh, append(append(args, "--app-user", "4242:4242"), app...)...)
	f.want(t, "reset by peer", append(args, app...)...) // root's connections are the sidecar's: plaintext is not for stock
}

// goGet is a Go program's request over one family.
func goGet(t *testing.T, network, url string) string {
	t.Helper()
	var d net.Dialer
	tr := &http.Transport{DisableKeepAlives: true}
	tr.DialContext = func(ctx context.Context, _, addr string) (net.Conn, error) { return d.DialContext(ctx, network, addr) }
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := (&http.Client{Transport: tr}).Do(req)
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
