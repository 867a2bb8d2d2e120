package e2e

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/sightline-mesh/sightline/controlplane/admin"
)

var (
	clusterHosts = map[string]string{
		"a": "10.97.0.11", "b": "10.97.0.12", "c": "10.97.0.13",
		"x": "10.97.0.21", "y": "10.97.0.22", "z": "10.97.0.23",
		"w": workloadsHost,
	}
	planeHosts  = []string{"a", "b", "c"}
	memberHosts = []string{"x", "y", "z"}
)

// cluster is three control planes on an etcd of three members, each on a host of its own,
// and sidecars on one more.
type cluster struct {
	planes // their addresses are those of hosts

	etcd      string // the program
	cert, key string // of the members, and of who may ask them
	members   map[string]*running
	leads     map[string][]span // when each control plane led, of processes that have ended
	sidecars  []*watched
	stalls    *stalls
}

// watched is a sidecar whose stream is looked at..
type watched struct {
	instance, outbound, admin string
}

func startCluster(t *testing.T, n network, etcd string) *cluster {
	t.Helper()
	c := &cluster{etcd: etcd, members: map[string]*running{}, leads: map[string][]span{}}
	c.planes = planes{network: n, dir: t.TempDir(), running: map[string]*running{}}
	c.cert, c.key = memberFiles(t, c.dir, clusterHosts)
	for _, m := range memberHosts {
		c.startMember(t, m)
	}
	passphrase := filepath.Join(c.dir, "passphrase")
	if err := os.WriteFile(passphrase, []byte("open sesame"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.common = []string{
		"--etcd", strings.Join(c.endpoints(), ","), "--etcd-ca-file", c.cert, "--etcd-cert-file", c.cert, "--etcd-key-file", c.key,
		"--ca-passphrase-file", passphrase,
	}
	for _, p := range planeHosts {
		c.startPlane(t, p)
	}
	return c
}

// endpoints are the members' for their clients.
func (*cluster) endpoints() (out []string) {
	for _, m := range memberHosts {
		out = append(out, "https://"+clusterHosts[m]+":2379")
	}
	return out
}

// startMember starts a member with the state that it has.
func (c *cluster) startMember(t *testing.T, name string) {
	t.Helper()
	client, peer := "https://"+clusterHosts[name]+":2379", "https://"+clusterHosts[name]+":2380"
	var all []string
	for _, m := range memberHosts {
		all = append(all, m+"=https://"+clusterHosts[m]+":2380")
	}
	c.members[name] = start(t, "ip", "netns", "exec", c.network.namespace(name), c.etcd,
		"--name", name, "--data-dir", filepath.Join(c.dir, "etcd-"+name), "--log-level", "warn",
		"--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", strings.Join(all, ","),
		"--cert-file", c.cert, "--key-file", c.key, "--trusted-ca-file", c.cert, "--client-cert-auth",
		"--peer-cert-file", c.cert, "--peer-key-file", c.key, "--peer-trusted-ca-file", c.cert, "--peer-client-cert-auth",
		"--max-txn-ops=2048", "--max-request-bytes=8388608")
}

func (c *cluster) startPlane(t *testing.T, name string) {
	t.Helper()
	args := []string{
		"netns", "exec", c.network.namespace(name), program(t, "sightline"), "controlplane",
		"--dir", filepath.Join(c.dir, name), "--listen", clusterHosts[name] + ":15012", "--name", name,
	}
	c.running[name] = start(t, "ip", append(args, c.common...)...)
}

// killMember ends a member without a word.
func (c *cluster) killMember(t *testing.T, name string) {
	t.Helper()
	if err := c.members[name].cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-c.members[name].ended
}

func (c *cluster) killPlane(t *testing.T, name string) {
	t.Helper()
	c.kill(t, name)
	c.leads[name] = append(c.leads[name], led(t, c.running[name], time.Now())...)
}

// signal stops a control plane's process or has it go on.
func (c *cluster) signal(t *testing.T, name string, s syscall.Signal) {
	t.Helper()
	if err := c.running[name].cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// raftLeader is the member that leads the others.
func (c *cluster) raftLeader(t *testing.T) string {
	t.Helper()
	config, err := transport.TLSInfo{CertFile: c.cert, KeyFile: c.key, TrustedCAFile: c.cert}.ClientConfig()
	if err != nil {
		t.Fatal(err)
	}
	var leader string
	await(t, planesReady, "a leader of the etcd", func() bool {
		leader = c.askRaft(t.Context(), config)
		return leader != ""
	})
	return leader
}

func (c *cluster) askRaft(ctx context.Context, config *tls.Config) string {
	for i, at := range c.endpoints() {
		client, err := clientv3.New(clientv3.Config{Endpoints: []string{at}, TLS: config, DialTimeout: time.Second})
		if err != nil {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		status, err := client.Status(ctx, at)
		cancel()
		_ = client.Close()
		if err == nil && status.Leader == status.Header.MemberId {
			return memberHosts[i]
		}
	}
	return ""
}

// startSidecars starts instances of echo, and callers of it.
func (c *cluster) startSidecars(t *testing.T, client *admin.Client, instances, callers int) (outbound []string) {
	t.Helper()
	token, err := client.CreateToken(t.Context(), admin.TokenRequest{By: "e2e"})
	if err != nil {
		t.Fatal(err)
	}
	at := freePorts(t, 3*(instances+callers))
	for i := range instances + callers {
		w := &watched{instance: fmt.Sprintf("echo-%d", i), outbound: at[3*i], admin: at[3*i+1]}
		app := []string{"--service", "echo"}
		if i >= instances {
			w.instance = fmt.Sprintf("caller-%d", i-instances)
			app = []string{"--service", "caller"}
			outbound = append(outbound, w.outbound)
		} else {
			app = append(app, "--port", serveEcho(t))
		}
		cmd := exec.Command(program(t, "sightline-proxy"), append([]string{
			"run", "--version", "v1", "--instance", w.instance, "--dir", filepath.Join(c.dir, "sidecar-"+w.instance),
			"--control-plane", c.addresses(), "--collector", "none",
			"--outbound", w.outbound, "--inbound", at[3*i+2], "--admin", w.admin,
		}, app...)...)
		cmd.Env = append(os.Environ(), "SIGHTLINE_TOKEN="+token)
		startCommand(t, cmd)
		c.sidecars = append(c.sidecars, w)
	}
	return outbound
}

// feed is how a sidecar's stream stands, by its own word.
func (w *watched) feed() (connected bool, since time.Time) {
	client := http.Client{Timeout: time.Second}
	res, err := client.Get("http://" + w.admin + "/config")
	if err != nil {
		return false, time.Time{}
	}
	defer res.Body.Close()
	var out struct {
		Feed struct {
			Connected bool
			Since     time.Time
		}
	}
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		return false, time.Time{}
	}
	return out.Feed.Connected, out.Feed.Since
}

// at are the sidecars whose stream a control plane has.
func (c *cluster) at(t *testing.T, client *admin.Client, plane string) (out []*watched) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	proxies, err := client.Proxies(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range proxies {
		i := slices.IndexFunc(c.sidecars, func(w *watched) bool { return w.instance == string(p.Instance.ID) })
		if i >= 0 && p.ControlPlane == plane && p.Connected {
			out = append(out, c.sidecars[i])
		}
	}
	return out
}
