package run

import (
	"context"
	"fmt"
	"io"
	"log/slog"
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
	// Ports are where the app listens on this machine; none is an app that only calls, and
	// never takes requests.
	Ports []int
	// Path is asked with GET, on the first port, until an answer is a success or a redirect;
	// empty is content with a port that accepts, as the other ports have to in any case.
	Path string
	// Within bounds the wait; 0 is no bound.
	Within time.Duration
	// Logger is told what an app that is long in coming lacks; nil is nobody.
	Logger *slog.Logger
}

// Await waits until the app takes requests, ctx ends, or the time for it has passed.
func (p Probe) Await(ctx context.Context) error {
	within, cancel := ctx, context.CancelFunc(func() {})
	if p.Within > 0 {
		within, cancel = context.WithTimeout(ctx, p.Within)
	}
	defer cancel()
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true}, // no proxy: this one is not in the mesh
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	silent, waited := 0, newWaiting(p)
	for {
		port, err := p.once(within, client)
		if err == nil {
			waited.over()
			return nil
		}
		if end, bounded := within.Deadline(); silent == 0 || !bounded || time.Now().Before(end) {
			silent = port // else it is the time that is over
			if ctx.Err() == nil {
				waited.on(p.lack(port, err))
			}
		}
		select {
		case <-tick.C:
		case <-within.Done():
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return fmt.Errorf("the app took no requests on port %d within %s", silent, p.Within)
		}
	}
}

// once asks at each port, and tells the first that does not take requests.
func (p Probe) once(ctx context.Context, client *http.Client) (silent int, err error) {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	for i, port := range p.Ports {
		if i == 0 && p.Path != "" {
			err = p.get(ctx, client, address(port))
		} else {
			err = accepts(ctx, address(port))
		}
		if err != nil {
			return port, err
		}
	}
	return 0, nil
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func accepts(ctx context.Context, addr string) error {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	return c.Close()
}

func (p Probe) get(ctx context.Context, client *http.Client, addr string) error {
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
