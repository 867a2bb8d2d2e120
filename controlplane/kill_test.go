package controlplane

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

const (
	childDir    = "SIGHTLINE_TEST_CONTROLPLANE"
	childListen = "SIGHTLINE_TEST_LISTEN"
	childReady  = "ready"
)

// runChild is this test binary as a control plane, to be killed.
func runChild(dir string) int {
	cfg := DefaultConfig(dir)
	cfg.Listen = os.Getenv(childListen)
	cfg.InstanceTTL = 10 * time.Second
	cp, err := New(cfg, Deps{})
	if err == nil {
		go func() {
			<-cp.Ready()
			fmt.Println(childReady)
		}()
		err = cp.Run(context.Background())
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// child starts a control plane in a process of its own and waits until it serves.
func child(t *testing.T, p *plant) (kill func()) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childDir+"="+p.cfg.Dir, childListen+"="+p.address)
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	killed := false
	kill = func() {
		if !killed {
			killed = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait() // says that it was killed
		}
	}
	t.Cleanup(kill)
	if line, err := bufio.NewReader(out).ReadString('\n'); strings.TrimSpace(line) != childReady {
		t.Fatalf("control plane said %q, %v", line, err)
	}
	return kill
}

func TestKilledControlPlaneLosesNoInstance(t *testing.T) {
	t.Parallel()
	const sidecars = 10
	p := &plant{t: t, cfg: DefaultConfig(t.TempDir()), address: freeAddress(t)}
	kill := child(t, p)
	token := p.token(p.admin())
	web := p.sidecar(token, workload("web", "v1", "web-1"), "reviews")
	for i := range sidecars {
		p.sidecar(token, workload("reviews", "v1", fmt.Sprintf("reviews-%d", i)))
	}
	web.until(t, "arrival of reviews", "reviews", instances(sidecars))

	for range 2 {
		kill()
		start := time.Now()
		kill = child(t, p)
		t.Logf("ready %s after the kill", time.Since(start))
		back := time.After(patience)
		for settled := false; !settled; {
			select {
			case set := <-web.sets:
				if n := len(set[0].Instances); n != sidecars {
					t.Fatalf("after the kill reviews has %d instances, want %d", n, sidecars)
				}
				t.Logf("first push %s after the kill", time.Since(start))
				settled = true
			case <-back:
				t.Fatal("no push after the kill")
			}
		}
	}
	// Longer than a lease: whoever did not come back would be gone by then.
	quiet := time.After(12 * time.Second)
	for {
		select {
		case set := <-web.sets:
			if n := len(set[0].Instances); n != sidecars {
				t.Fatalf("some time after the kill reviews has %d instances, want %d", n, sidecars)
			}
		case <-quiet:
			return
		}
	}
}

func TestManySidecarsLearnOfAChangePromptly(t *testing.T) {
	t.Parallel()
	const sidecars = 200
	p := newPlant(t)
	c := p.admin()
	token := p.token(c)
	all := make([]*sidecar, sidecars)
	for i := range all {
		all[i] = p.sidecar(token, workload("web", "v1", fmt.Sprintf("web-%d", i)), "reviews")
	}
	for _, s := range all {
		s.until(t, "first push", "reviews", func(mesh.Snapshot) bool { return true })
	}
	start := time.Now()
	p.sidecar(token, workload("reviews", "v1", "reviews-1"))
	for _, s := range all {
		s.until(t, "arrival of reviews", "reviews", instances(1))
	}
	took := time.Since(start)
	t.Logf("%d sidecars knew %s after an instance set out to enrol", sidecars, took)
	if took > patience/2 { // half a second on an idle machine
		t.Errorf("a change took %s to reach all of %d sidecars", took, sidecars)
	}
	eventually(t, "sync of all", func() bool {
		proxies, err := c.Proxies(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range proxies {
			if !s.InSync {
				return false
			}
		}
		return len(proxies) == sidecars+1
	})
}
