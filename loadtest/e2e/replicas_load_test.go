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
)

const (
	callers    = 8
	callEvery  = 10 * time.Millisecond // for each of them
	changeRest = 150 * time.Millisecond
)

// load asks for a service without a pause, and sees which configuration answers.
type load struct {
	mu       sync.Mutex // guards what follows
	requests int
	failed   []string
	newest   int               // revision that an answer told of
	accepted map[int]time.Time // revisions that no answer has told of yet, when they were accepted
	slowest  time.Duration     // from accepted until an answer told of it
	times    []time.Duration
}

// run asks the caller's sidecar until ctx ends.
func (l *load) run(ctx context.Context, outbound string) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: callers}, Timeout: time.Minute}
	defer client.CloseIdleConnections()
	var all sync.WaitGroup
	defer all.Wait()
	for range callers {
		all.Go(func() {
			tick := time.NewTicker(callEvery)
			defer tick.Stop()
			for ctx.Err() == nil {
				revision, err := hello(client, outbound)
				l.saw(revision, err)
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

func (l *load) saw(revision int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests++
	if err != nil {
		l.failed = append(l.failed, time.Now().Format("15:04:05.000 ")+err.Error())
	}
	l.newest = max(l.newest, revision)
	for r, at := range l.accepted {
		if r <= l.newest {
			took := time.Since(at)
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

// churn changes the configuration without a pause, at whichever control plane answers.
type churn struct {
	client   *admin.Client
	load     *load
	accepted []int // of each there is a resource of its own
	unsure   int   // that were not answered
}

func (c *churn) run(ctx context.Context) {
	for n := 1; ctx.Err() == nil; n++ {
		manifest := fmt.Sprintf(`apiVersion: networking.istio.io/v1
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
		asked := time.Now()
		_, err := c.client.Apply(ctx, []byte(manifest), "e2e", false)
		if err != nil {
			if ctx.Err() == nil {
				c.unsure++
			}
		} else {
			c.accepted = append(c.accepted, n)
			c.load.accept(n, asked) // from when it was asked for: it may be in force before it is answered
		}
		select {
		case <-ctx.Done():
		case <-time.After(changeRest):
		}
	}
}
