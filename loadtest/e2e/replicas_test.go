package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane"
	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/identity"
	core "github.com/sightline-mesh/sightline/controlplane/mesh"
)

const (
	// insideNetwork names the network to the test's own process among the workloads.
	insideNetwork = "SIGHTLINE_E2E_NETWORK"
	planesReady   = 2 * time.Minute
	// mostPropagation bounds the time from asking for a change until it is in force, with
	// an election of etcd's and of a leader in it.
	mostPropagation = 20 * time.Second
)

// TestControlPlanesComeAndGo runs three control planes, which are the members of one
// etcd, each on a host of its own, under load and changes: two are killed, one of them
// the leader, and one is cut off. No request fails, no accepted change is lost, and
// changes go on arriving.
func TestControlPlanesComeAndGo(t *testing.T) {
	program(t, "sightline")
	if n := os.Getenv(insideNetwork); n != "" {
		controlPlanesComeAndGo(t, network(n))
		return
	}
	again(t, makeNetwork(t, hosts))
}

// again runs this test once more, in a process among the workloads.
func again(t *testing.T, n network, env ...string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	inside := exec.CommandContext(t.Context(), "ip", "netns", "exec", n.namespace("w"), self,
		"-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=8m")
	inside.Env = append(os.Environ(), append(env, insideNetwork+"="+string(n), "no_proxy=*", "NO_PROXY=*")...)
	inside.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := inside.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
}

// planes are the control planes under test.
type planes struct {
	network network
	dir     string
	common  []string // flags
	running map[string]*running
}

func startPlanes(t *testing.T, n network) *planes {
	t.Helper()
	p := &planes{network: n, dir: t.TempDir(), running: map[string]*running{}}
	var peers []string
	for host, address := range hosts {
		peers = append(peers, host+"=https://"+address+":2380")
	}
	passphrase := filepath.Join(p.dir, "passphrase")
	if err := os.WriteFile(passphrase, []byte("open sesame"), 0o600); err != nil {
		t.Fatal(err)
	}
	cert, key := memberFiles(t, p.dir, hosts)
	p.common = []string{
		"--etcd-peer-cert-file", cert, "--etcd-peer-key-file", key, "--etcd-peer-ca-file", cert,
		"--etcd-peers", strings.Join(peers, ","), "--ca-passphrase-file", passphrase,
	}
	for host := range hosts {
		p.start(t, host)
	}
	return p
}

func (p *planes) start(t *testing.T, host string) {
	t.Helper()
	args := []string{
		"netns", "exec", p.network.namespace(host), program(t, "sightline"), "controlplane",
		"--dir", filepath.Join(p.dir, host), "--listen", hosts[host] + ":15012", "--etcd-name", host,
	}
	p.running[host] = start(t, "ip", append(args, p.common...)...)
}

// kill ends one without a word.
func (p *planes) kill(t *testing.T, host string) {
	t.Helper()
	if err := p.running[host].cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-p.running[host].ended
}

func (*planes) addresses() string {
	var out []string
	for _, address := range hosts {
		out = append(out, address+":15012")
	}
	return strings.Join(out, ",")
}

// client is an admin client of the control planes at addresses.
func (p *planes) client(t *testing.T, addresses string) *admin.Client {
	t.Helper()
	path := filepath.Join(p.dir, "a", "controlplane", controlplane.TokenFile)
	await(t, planesReady, "a token for the mesh's own parts", func() bool { _, err := os.Stat(path); return err == nil })
	token, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	source, err := identity.Open(t.Context(), identity.Config{
		ControlPlane: addresses, Token: strings.TrimSpace(string(token)),
		Workload: identity.Workload{Service: "e2e", Namespace: core.SystemNamespace, Instance: "e2e-1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	c := admin.NewClient(addresses, source.ClientTLS(source.ControlPlane(), "h2"))
	t.Cleanup(c.Close)
	return c
}

// await polls for what has no other way to be waited for.
func await(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(limit); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("%s did not happen within %s", what, limit)
		}
		<-tick.C
	}
}

// leads is who leads, once all that there should be are there.
func leads(t *testing.T, c *admin.Client, there int) (leader string) {
	t.Helper()
	await(t, planesReady, fmt.Sprintf("%d control planes with a leader", there), func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		all, err := c.Replicas(ctx)
		leader = ""
		for _, r := range all {
			if r.Leads {
				leader = r.ID
			}
		}
		return err == nil && leader != "" && len(all) == there
	})
	return leader
}

// sidecars starts two copies of a service and a caller, whose sidecar's outbound
// listener it returns.
func (p *planes) sidecars(t *testing.T, c *admin.Client) (outbound string) {
	t.Helper()
	token, err := c.CreateToken(t.Context(), admin.TokenRequest{By: "e2e"})
	if err != nil {
		t.Fatal(err)
	}
	at := freePorts(t, 12)
	take := func() (one string) { one, at = at[0], at[1:]; return one }
	for i := range 3 {
		service, app := "echo", []string{}
		out := take()
		if i == 2 {
			service, outbound = "caller", out
		} else {
			app = []string{"--port", serveEcho(t)}
		}
		args := append([]string{
			"run", "--service", service, "--version", "v1", "--instance", fmt.Sprintf("%s-%d", service, i),
			"--dir", filepath.Join(p.dir, fmt.Sprintf("sidecar-%d", i)), "--control-plane", p.addresses(), "--collector", "none",
			"--outbound", out, "--inbound", take(), "--admin", take(),
		}, app...)
		cmd := exec.Command(program(t, "sightline-proxy"), args...)
		cmd.Env = append(os.Environ(), "SIGHTLINE_TOKEN="+token)
		startCommand(t, cmd)
	}
	return outbound
}

// serveEcho is an app; its port.
func serveEcho(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("hello")) // a caller that is gone is the load's to notice
	})}
	served := make(chan struct{})
	go func() { defer close(served); _ = s.Serve(l) }() // ends with Close
	t.Cleanup(func() { _ = s.Close(); <-served })
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func controlPlanesComeAndGo(t *testing.T, n network) {
	p := startPlanes(t, n)
	c := p.client(t, p.addresses())
	leads(t, c, len(hosts))
	outbound := p.sidecars(t, c)
	probe := &http.Client{Timeout: 5 * time.Second}
	await(t, planesReady, "the first answer", func() bool { _, err := hello(probe, outbound); return err == nil })

	l := newLoad(8)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	loaded, churned := make(chan struct{}), make(chan struct{})
	go func() { defer close(loaded); l.run(ctx, outbound) }()
	changing, settle := context.WithCancel(ctx)
	defer settle()
	changes := &churn{client: c, loads: []*load{l}, rest: 150 * time.Millisecond, manifest: revised}
	go func() { defer close(churned); changes.run(changing) }()

	pause := func(d time.Duration) { time.Sleep(d) } // the load and the changes go on
	pause(3 * time.Second)
	l.figures(t, "all well")
	first := leads(t, c, len(hosts))
	for _, host := range []string{first, next(first)} {
		p.kill(t, host)
		pause(6 * time.Second)
		l.figures(t, "after "+host+" was killed")
		p.start(t, host)
		leads(t, c, len(hosts))
		pause(2 * time.Second)
		l.figures(t, "with "+host+" back")
	}
	last := leads(t, c, len(hosts))
	n.cut(t, last)
	pause(8 * time.Second)
	l.figures(t, "while "+last+", the leader, is cut off")
	n.mend(t, last)
	leads(t, c, len(hosts))
	pause(2 * time.Second)
	l.figures(t, "with "+last+" back")

	settle()
	<-churned
	await(t, mostPropagation, "arrival of the last change", func() bool { return l.behind() == 0 })
	stop()
	<-loaded
	if len(l.failed) > 0 {
		t.Errorf("%d of %d requests failed: %s", len(l.failed), l.requests, strings.Join(l.failed[:min(5, len(l.failed))], "\n"))
	}
	if l.slowest > mostPropagation {
		t.Errorf("a change took %s to be in force, want %s at most", l.slowest, mostPropagation)
	}
	p.allThere(t, changes)
	t.Logf("%d requests, %d failed; %d changes accepted, %d not answered; slowest %s", l.requests, len(l.failed), len(changes.accepted), len(changes.unsure), l.slowest.Round(time.Millisecond))
}

// next is another host.
func next(host string) string {
	return map[string]string{"a": "b", "b": "c", "c": "a"}[host]
}

// allThere asks each control plane for every change that was accepted.
func (p *planes) allThere(t *testing.T, c *churn) {
	t.Helper()
	if len(c.accepted) == 0 {
		t.Fatal("no change was accepted")
	}
	for host, address := range hosts {
		resources, err := p.client(t, address+":15012").Resources(t.Context(), "DestinationRule")
		if err != nil {
			t.Fatalf("ask %s: %v", host, err)
		}
		there := map[string]bool{}
		for _, r := range resources {
			there[r.Name] = true
		}
		for _, n := range c.accepted {
			if name := fmt.Sprintf("kept-%d", n); !there[name] {
				t.Errorf("%s has lost %s, which was accepted", host, name)
			}
		}
	}
}
