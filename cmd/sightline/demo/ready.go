package demo

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// readyWithin is how long the shop may take to be up: a cold machine loads a dozen
// programs from disk.
const readyWithin = 2 * time.Minute

// ready waits until every sidecar is connected and every app answers through the mesh.
func (p *play) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyWithin, fmt.Errorf("the shop was not ready within %s", readyWithin))
	defer cancel()
	p.say("shop: %d workloads starting", len(p.actors))
	var missing []string
	for {
		status, err := p.view.proxies(ctx)
		if err == nil {
			if missing = p.missing(status); len(missing) == 0 {
				break
			}
		}
		if !pause(ctx, 200*time.Millisecond) {
			return fmt.Errorf("wait for the shop: %w; missing: %s; logs are in %s/log",
				context.Cause(ctx), strings.Join(missing, ", "), p.c.Dir)
		}
	}
	if err := p.view.setUp(ctx); err != nil {
		return err
	}
	return p.answers(ctx)
}

// missing names the workloads that are not connected and ready.
func (p *play) missing(status []mesh.ProxyStatus) []string {
	up := map[mesh.InstanceID]mesh.InstanceState{}
	for _, s := range status {
		if s.Connected {
			up[s.Instance.ID] = s.Instance.State
		}
	}
	var out []string
	for _, a := range p.actors {
		// The load takes no requests, so it is never ready for any.
		state, connected := up[mesh.InstanceID(a.name()+"-1")]
		if !connected || a.app != "" && state != mesh.Ready {
			out = append(out, a.name())
		}
	}
	return out
}

// answers sends one request of each kind until all succeed: routes are pushed on
// demand, and the first caller of a service waits for them.
func (p *play) answers(ctx context.Context) error {
	client := p.loadClient()
	for _, t := range journey() {
		for {
			req, err := http.NewRequestWithContext(ctx, t.Method, t.URL, strings.NewReader(t.Body))
			if err != nil {
				return fmt.Errorf("build request %s: %w", t.URL, err)
			}
			res, err := client.Do(req)
			if err == nil {
				_ = res.Body.Close()
				if res.StatusCode == http.StatusOK {
					break
				}
			}
			if !pause(ctx, 200*time.Millisecond) {
				return fmt.Errorf("wait for %s %s: %w", t.Method, t.URL, context.Cause(ctx))
			}
		}
	}
	return nil
}
