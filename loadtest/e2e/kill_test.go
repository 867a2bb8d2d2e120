package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/collector/signal"
	core "github.com/sightline-mesh/sightline/controlplane/mesh"
)

// pidOf finds the process of this mesh that runs a role.
func (m *mesh) pidOf(t *testing.T, role string) int {
	t.Helper()
	procs, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range procs {
		b, err := os.ReadFile(p)
		if err != nil {
			continue // it ended meanwhile
		}
		args := strings.Split(string(b), "\x00")
		if len(args) > 3 && args[1] == role && args[3] == m.dir {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(p)))
			if err != nil {
				t.Fatal(err)
			}
			return pid
		}
	}
	return 0
}

// kill ends a role without a word and waits until another process does its work.
func (m *mesh) kill(t *testing.T, role string) {
	t.Helper()
	first := m.pidOf(t, role)
	if first == 0 {
		t.Fatalf("no process runs %s", role)
	}
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	m.await(t, time.Minute, role+" to come back", func() bool {
		now := m.pidOf(t, role)
		return now != 0 && now != first
	})
}

// acknowledged is what the collector has taken responsibility for.
func (m *mesh) pipeline(t *testing.T) map[string]signal.Pipeline {
	t.Helper()
	var out struct{ Signals []signal.Pipeline }
	m.get(t, "/api/v1/pipeline", &out)
	by := map[string]signal.Pipeline{}
	for _, s := range out.Signals {
		by[s.Signal] = s
	}
	return by
}

// TestKilledPartsComeBack kills the store and then the control plane, each alone and
// under load: traffic does not notice, telemetry that was acknowledged is stored, and
// no instance is lost. Certificates last 30 s, so that each is renewed meanwhile.
func TestKilledPartsComeBack(t *testing.T) {
	m := startDemo(t, "--rps", "150", "--for", "75s", "--cert-ttl", "30s", "--output", "json")
	settle := func() {
		// Some load must pass over each part's absence: that is what is under test.
		<-time.After(8 * time.Second)
	}
	settle()
	m.kill(t, "store")
	settle()
	m.await(t, 2*time.Minute, "the store's queue to empty", func() bool {
		p := m.pipeline(t)["traces"]
		return p.Stored > 0 && p.Queued < 20_000 && len(p.Dropped) == 0
	})
	m.kill(t, "controlplane")
	m.await(t, 2*time.Minute, "every sidecar to find the control plane again", func() bool {
		var s struct{ Proxies []core.ProxyStatus }
		if err := m.api.Get(t.Context(), "/api/v1/proxies", nil, &s); err != nil {
			return false
		}
		up := 0
		for _, p := range s.Proxies {
			if p.Connected && (p.Instance.State == core.Ready || p.Instance.Service == "load") {
				up++
			}
		}
		return up == 14
	})
	got := m.report(t, 3*time.Minute)
	if got.Failed != 0 || got.Skipped != 0 || got.Requests < 11_000 {
		t.Errorf("%d of %d requests failed, %d were not sent: %+v", got.Failed, got.Requests, got.Skipped, got.FailedBy)
	}
	if got.Spans.Sent != got.Spans.Stored || got.Logs.Sent != got.Logs.Stored || got.Spans.Dropped+got.Logs.Dropped != 0 {
		t.Errorf("spans %+v, access logs %+v; want all stored", got.Spans, got.Logs)
	}
	if got.Proxies != 14 || got.False != 0 {
		t.Errorf("%d sidecars, %d false trips; want 14 and 0", got.Proxies, got.False)
	}
}

// TestNothingOutlivesAKilledDemo kills the demo itself: what it started ends too.
func TestNothingOutlivesAKilledDemo(t *testing.T) {
	m := startDemo(t, "--rps", "5")
	if n := len(m.processes(t)); n < 28 {
		t.Fatalf("%d processes of the demo, want the mesh and 14 workloads", n)
	}
	if err := m.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-m.ended
	deadline := time.After(time.Minute)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		left := m.processes(t)
		if len(left) == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("still there a minute after the demo was killed: %v", left)
		}
	}
}

// processes lists the command lines of all processes that belong to this demo.
func (m *mesh) processes(t *testing.T) []string {
	t.Helper()
	procs, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	mine := map[string]bool{} // apps are known by their address
	for _, p := range m.at {
		mine[p.App] = p.App != ""
	}
	var out []string
	for _, p := range procs {
		b, err := os.ReadFile(p)
		if err != nil {
			continue
		}
		line := strings.ReplaceAll(strings.TrimRight(string(b), "\x00"), "\x00", " ")
		belongs := strings.Contains(line, m.dir)
		for addr, yes := range mine {
			belongs = belongs || yes && strings.Contains(line, "--listen "+addr)
		}
		if belongs && !strings.Contains(line, "e2e.test") {
			out = append(out, line)
		}
	}
	return out
}
