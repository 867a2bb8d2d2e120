package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/admin"
	core "github.com/sightline-mesh/sightline/controlplane/mesh"
)

const (
	callEvery   = 10 * time.Millisecond // for each caller
	callTimeout = time.Minute
)

// load asks for a service without a pause, and sees which configuration answers.
type load struct {
	callers int // at a time
	stalls  *stalls

	mu       sync.Mutex // guards what follows
	requests int
	failed   []string
	newest   int               // revision that an answer told of
	accepted map[int]time.Time // revisions that no answer has told of yet, when they were accepted
	slowest  time.Duration     // from accepted until an answer told of it
	times    []time.Duration
}

func newLoad(callers int) *load { return &load{callers: callers, accepted: map[int]time.Time{}} }

// run asks the caller's sidecar until ctx ends.
func (l *load) run(ctx context.Context, outbound string) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: l.callers}, Timeout: callTimeout}
	defer client.CloseIdleConnections()
	var all sync.WaitGroup
	defer all.Wait()
	for range l.callers {
		all.Go(func() {
			tick := time.NewTicker(callEvery)
			defer tick.Stop()
			for ctx.Err() == nil {
				asked := time.Now()
				revision, err := hello(client, outbound)
				l.saw(asked, revision, err)
				select {
				case <-tick.C:
				case <-ctx.Done():
				}
			}
		})
	}
}

// hello makes a request and tells by which revision of the configuration it was routed.
func hello(client *http.Client, outbound string) (int, error) {
	req, err := http.NewRequest(http.MethodGet, "http://"+outbound+"/", nil)
	if err != nil {
		return 0, err
	}
	req.Host = "echo"
	res, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && (res.StatusCode != http.StatusOK || string(body) != "hello") {
		err = fmt.Errorf("%s %q, reason %q", res.Status, body, res.Header.Get("X-Sightline-Reason"))
	}
	revision, _ := strconv.Atoi(res.Header.Get("X-Revision")) // none before the first
	return revision, err
}

func (l *load) saw(asked time.Time, revision int, err error) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests++
	if err != nil && l.stalls.within(asked, now) < callTimeout/2 {
		l.failed = append(l.failed, now.Format("15:04:05.000 ")+err.Error())
	}
	l.newest = max(l.newest, revision)
	for r, at := range l.accepted {
		if r <= l.newest {
			took := now.Sub(at) - l.stalls.within(at, now)
			l.times = append(l.times, took)
			l.slowest = max(l.slowest, took)
			delete(l.accepted, r)
		}
	}
}

func (l *load) accept(revision int, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.accepted[revision] = at
}

// figures tells how long changes took since it was asked last.
func (l *load) figures(t *testing.T, phase string) {
	t.Helper()
	await(t, planesReady, phase+": arrival of a change", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.times) > 0
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	slices.Sort(l.times)
	t.Logf("%s: %d requests so far, %d failed; %d changes arrived, from accepted to in force: median %s, slowest %s",
		phase, l.requests, len(l.failed), len(l.times), l.times[len(l.times)/2].Round(time.Millisecond), l.times[len(l.times)-1].Round(time.Millisecond))
	l.times = nil
}

func (l *load) behind() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.accepted)
}

// taken are the times that changes took since it was asked last.
func (l *load) taken() []time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := l.times
	l.times = nil
	return out
}

// churn changes the configuration without a pause, at whichever control plane answers.
type churn struct {
	client   *admin.Client
	loads    []*load
	rest     time.Duration
	manifest func(n int) string
	accepted []int // of each there is a resource of its own
	unsure   []int // that were not answered, or not with a yes
}

func (c *churn) run(ctx context.Context) {
	for n := 1; ctx.Err() == nil; n++ {
		asked := time.Now()
		findings, err := c.client.Apply(ctx, []byte(c.manifest(n)), "e2e", false)
		refused := slices.ContainsFunc(findings, func(f core.Finding) bool { return f.Severity == "error" })
		if err != nil || refused {
			c.unsure = append(c.unsure, n)
		} else {
			c.accepted = append(c.accepted, n)
			for _, l := range c.loads {
				l.accept(n, asked) // from when it was asked for: it may be in force before it is answered
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(c.rest):
		}
	}
}

// revised is a change by which answers tell its number.
func revised(n int) string {
	return fmt.Sprintf(`apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: echo}
spec:
  hosts: [echo]
  http:
  - route: [{destination: {host: echo}}]
    headers: {response: {set: {x-revision: "%d"}}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: kept-%d}
spec: {host: kept-%d}
`, n, n, n)
}
