package e2e

import (
	"cmp"
	"context"
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

	"github.com/sightline-mesh/sightline/controlplane/admin"
)

const (
	// clusterEtcd names the etcd program to the test's own process among the workloads.
	clusterEtcd = "SIGHTLINE_E2E_ETCD"
	// mostMove bounds how long a sidecar is without a control plane after its own was lost.
	mostMove = 2 * time.Second
	// mostSlow bounds the time from asking for a change until it is in force, whatever fails:
	// a member of the etcd that falls silent is noticed after three seconds, while the others
	// elect another leader in two.
	mostSlow = 6 * time.Second
	faulty   = 6 * time.Second // longer than every lease of a control plane
	calm     = 3 * time.Second
)

// TestClusterBearsFaults runs three control planes on an etcd of three members, each on a
// host of its own, under load and changes, and has them fail one after the other in every
// way there is: killed, cut off, half cut off, stopped. No request fails, no accepted
// change is lost or half there, sidecars are at another control plane within two seconds,
// changes go on arriving, and one leads at a time. What it bounds is real time, so it is
// run by itself on a machine that does nothing else: `make faults`.
func TestClusterBearsFaults(t *testing.T) {
	if os.Getenv("SIGHTLINE_FAULTS") == "" {
		t.Skip("SIGHTLINE_FAULTS is not set: run `make faults`")
	}
	program(t, "sightline")
	if n := os.Getenv(insideNetwork); n != "" {
		clusterBearsFaults(t, network(n), os.Getenv(clusterEtcd))
		return
	}
	others := map[string]string{}
	for host, address := range clusterHosts {
		if host != "w" {
			others[host] = address
		}
	}
	n := makeNetwork(t, others)
	etcd := filepath.Join(t.TempDir(), "etcd")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", etcd, "go.etcd.io/etcd/server/v3").CombinedOutput(); err != nil {
		t.Fatalf("build etcd: %v: %s", err, out)
	}
	again(t, n, clusterEtcd+"="+etcd)
}

// trial is a cluster under load and changes.
type trial struct {
	*cluster

	client  *admin.Client
	loads   []*load
	changes *churn
	phases  []phase
	stopped string // which control plane was stopped, and when
	while   span
}

func clusterBearsFaults(t *testing.T, n network, etcd string) {
	filters(t)
	r := &trial{cluster: startCluster(t, n, etcd)}
	r.stalls = watchStalls(t)
	r.client = r.cluster.client(t, r.addresses())
	leads(t, r.client, len(planeHosts))
	outbound := r.startSidecars(t, r.client, 3, 3)
	probe := &http.Client{Timeout: time.Second}
	for _, out := range outbound {
		await(t, planesReady, "the first answer", func() bool { _, err := hello(probe, out); return err == nil })
	}
	settle, stop := r.begin(t, outbound)
	r.bear(t)
	settle()
	await(t, mostPropagation, "arrival of the last change", func() bool {
		for _, l := range r.loads {
			if l.behind() > 0 {
				return false
			}
		}
		return true
	})
	stop()
	r.judge(t)
}

// begin starts the load and the changes; settle ends these, and stop both.
func (r *trial) begin(t *testing.T, outbound []string) (settle, stop func()) {
	t.Helper()
	ctx, stopLoad := context.WithCancel(t.Context())
	ended := make(chan struct{}, len(outbound))
	for _, out := range outbound {
		l := newLoad(2)
		l.stalls = r.stalls
		r.loads = append(r.loads, l)
		go func() { l.run(ctx, out); ended <- struct{}{} }()
	}
	changing, stopChanges := context.WithCancel(ctx)
	churned := make(chan struct{})
	r.changes = &churn{client: r.client, loads: r.loads, rest: 300 * time.Millisecond, manifest: twoFold}
	go func() { defer close(churned); r.changes.run(changing) }()
	settle = func() { stopChanges(); <-churned }
	stop = func() {
		settle()
		stopLoad()
		for range outbound {
			<-ended
		}
	}
	t.Cleanup(func() { stopLoad() })
	return settle, stop
}

// twoFold is a change of which half is worse than none: a route to a subset and the subset
// are of one number, and two resources are there both or neither.
func twoFold(n int) string {
	return fmt.Sprintf(`apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: echo}
spec:
  hosts: [echo]
  http:
  - route: [{destination: {host: echo, subset: s%[1]d}}]
    headers: {response: {set: {x-revision: "%[1]d"}}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: echo}
spec: {host: echo, subsets: [{name: s%[1]d, labels: {version: v1}}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: kept-%[1]d}
spec: {host: kept-%[1]d}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: also-%[1]d}
spec: {host: also-%[1]d}
`, n)
}

// bear has everything fail that may.
func (r *trial) bear(t *testing.T) {
	t.Helper()
	nothing := func() {}
	r.fault(t, "none", "", nothing, nothing)
	leader := leads(t, r.client, len(planeHosts))
	for _, p := range []string{leader, next(leader), next(next(leader))} {
		r.fault(t, "control plane killed"+ifLeads(p == leader), p, func() { r.killPlane(t, p) }, func() { r.startPlane(t, p) })
	}
	first := r.raftLeader(t)
	for _, m := range append([]string{first}, without(memberHosts, first)...) {
		r.fault(t, "etcd member killed"+ifLeads(m == first), "", func() { r.killMember(t, m) }, func() { r.startMember(t, m) })
	}
	r.cuts(t)
	r.stopped = leads(t, r.client, len(planeHosts))
	r.fault(t, "control plane stopped, the leader", r.stopped, func() {
		r.while.from = time.Now()
		r.signal(t, r.stopped, syscall.SIGSTOP)
	}, func() {
		r.while.to = time.Now()
		r.signal(t, r.stopped, syscall.SIGCONT)
	})
}

// cuts has the network fail. Sidecars stay where they went, so that it is the control plane
// with most of them that is cut off, and then the one that leads.
func (r *trial) cuts(t *testing.T) {
	t.Helper()
	heal := func() { r.network.pass(t) }
	cut := func(name, plane string, pairs func(host string) [][2]string) {
		name += ifLeads(plane == leads(t, r.client, len(planeHosts)))
		r.fault(t, name, plane, func() { r.network.drop(t, clusterHosts, pairs(plane)...) }, heal)
	}
	fromMembers := func(host string) [][2]string { return between([]string{host}, memberHosts) }
	fromAll := func(host string) [][2]string { return between([]string{host}, without(allHosts(), host)) }
	mute := func(host string) (out [][2]string) {
		for _, h := range without(allHosts(), host) {
			out = append(out, [2]string{host, h})
		}
		return out
	}
	cut("control plane cut off from etcd", r.busiest(t), fromMembers)
	cut("control plane cut off from all", r.busiest(t), fromAll)
	cut("control plane heard by nobody", r.busiest(t), mute)
	cut("control plane cut off from etcd", leads(t, r.client, len(planeHosts)), fromMembers)
	m := r.raftLeader(t)
	r.fault(t, "etcd member cut off from all, the leader", "", func() { r.network.drop(t, clusterHosts, fromAll(m)...) }, heal)
}

// busiest is the control plane that has most sidecars' streams.
func (r *trial) busiest(t *testing.T) string {
	t.Helper()
	return slices.MaxFunc(planeHosts, func(a, b string) int { return cmp.Compare(len(r.at(t, r.client, a)), len(r.at(t, r.client, b))) })
}

func ifLeads(is bool) string { //nolint:revive // the flag is what it turns into words
	if is {
		return ", the leader"
	}
	return ""
}

func allHosts() []string { return append(append([]string{"w"}, planeHosts...), memberHosts...) }

func without(all []string, one string) (out []string) {
	for _, s := range all {
		if s != one {
			out = append(out, s)
		}
	}
	return out
}

// fault has something fail, looks how it is borne, and mends it. plane is the control plane
// that its sidecars have to leave, "" for none.
func (r *trial) fault(t *testing.T, name, plane string, fail, mend func()) {
	t.Helper()
	p := phase{name: name}
	r.times() // of before
	var affected []*watched
	if plane != "" {
		affected = r.at(t, r.client, plane)
	}
	p.sidecars = len(affected)
	began := time.Now()
	fail()
	p.moves = r.moved(t, affected, began)
	time.Sleep(time.Until(began.Add(faulty))) // the load and the changes go on
	p.during = r.times()
	mend()
	leads(t, r.client, len(planeHosts))
	time.Sleep(calm)
	p.afterward = r.times()
	p.stall = r.stalls.within(began, time.Now())
	t.Logf("%s", p)
	for _, m := range p.moves {
		if m > mostMove {
			t.Errorf("%s: a sidecar took %s to be at another control plane, want less than %s", name, m.Round(time.Millisecond), mostMove)
		}
	}
	if len(p.during) == 0 {
		t.Errorf("%s: no change arrived", name)
	}
	r.phases = append(r.phases, p)
}

// times are what changes took since it was asked last.
func (r *trial) times() (out []time.Duration) {
	for _, l := range r.loads {
		out = append(out, l.taken()...)
	}
	return out
}

// moved waits until each sidecar has another stream than before, and says when it had.
func (r *trial) moved(t *testing.T, affected []*watched, began time.Time) (out []time.Duration) {
	t.Helper()
	for _, w := range affected {
		await(t, mostPropagation, w.instance+" to be at another control plane", func() bool {
			connected, since := w.feed()
			if !connected || !since.After(began) {
				return false
			}
			out = append(out, since.Sub(began)-r.stalls.within(began, since))
			return true
		})
	}
	return out
}

// judge looks whether all is as it should be in the end.
func (r *trial) judge(t *testing.T) {
	t.Helper()
	lines := []string{phaseHead}
	for _, p := range r.phases {
		lines = append(lines, p.String())
	}
	t.Logf("faults borne:\n%s", strings.Join(lines, "\n"))
	requests := 0
	for _, l := range r.loads {
		requests += l.requests
		if len(l.failed) > 0 {
			t.Errorf("%d of %d requests failed: %s", len(l.failed), l.requests, strings.Join(l.failed[:min(5, len(l.failed))], "\n"))
		}
		if l.slowest > mostSlow {
			t.Errorf("a change took %s to be in force, want %s at most", l.slowest, mostSlow)
		}
	}
	r.whole(t)
	r.oneLed(t, r.stopped, r.while)
	t.Logf("%d requests; %d changes accepted, %d not answered", requests, len(r.changes.accepted), len(r.changes.unsure))
}

// whole asks each control plane for every change: of those accepted all is there, and of
// the others all or nothing.
func (r *trial) whole(t *testing.T) {
	t.Helper()
	if len(r.changes.accepted) == 0 {
		t.Fatal("no change was accepted")
	}
	for _, p := range planeHosts {
		resources, err := r.cluster.client(t, clusterHosts[p]+":15012").Resources(t.Context(), "DestinationRule")
		if err != nil {
			t.Fatalf("ask %s: %v", p, err)
		}
		there := map[string]bool{}
		for _, one := range resources {
			there[one.Name] = true
		}
		half := func(n int) (kept, also bool) {
			return there[fmt.Sprintf("kept-%d", n)], there[fmt.Sprintf("also-%d", n)]
		}
		for _, n := range r.changes.accepted {
			if kept, also := half(n); !kept || !also {
				t.Errorf("%s has lost change %d, which was accepted", p, n)
			}
		}
		for _, n := range r.changes.unsure {
			if kept, also := half(n); kept != also {
				t.Errorf("%s has half of change %d", p, n)
			}
		}
	}
}
