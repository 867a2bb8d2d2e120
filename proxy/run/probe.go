package run

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

const (
	// pollEvery is how often a starting app is asked whether it takes requests.
	pollEvery = 50 * time.Millisecond
	// probeTime bounds one such question. It is Kubernetes' default for HTTP probes.
	probeTime = time.Second
)

// Probe tells when an app takes requests.
type Probe struct {
	// Port is where the app listens on this machine; 0 is an app that only calls, and
	// never takes requests.
	Port int
	// Path is asked with GET until an answer is a success or a redirect; empty is content
	// with a port that accepts.
	Path string
	// Within bounds the wait; 0 is no bound.
	Within time.Duration
}

// Await waits until the app takes requests, ctx ends, or the time for it has passed.
func (p Probe) Await(ctx context.Context) error {
	if p.Within > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, p.Within, fmt.Errorf("the app took no requests on port %d within %s", p.Port, p.Within))
		defer cancel()
	}
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true}, // no proxy: this one is not in the mesh
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if p.once(ctx, client) == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (p Probe) once(ctx context.Context, client *http.Client) error {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(p.Port))
	if p.Path == "" {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
		if err != nil {
			return err
		}
		return c.Close()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+p.Path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", "sightline-proxy")
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.CopyN(io.Discard, res.Body, 64<<10) // the status is what counts
	if res.StatusCode < http.StatusOK || res.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("GET %s: %s", p.Path, res.Status)
	}
	return nil
}
