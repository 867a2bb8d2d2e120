package load

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Target is one kind of request of the mix.
type Target struct {
	Method string
	URL    string
	Body   string
	Share  float64 // of all requests, relative to its siblings
}

// Config is what to send.
type Config struct {
	Rate    float64 // requests per second
	Targets []Target
	// InFlight bounds requests under way at once; what is due beyond it is not sent
	// and counted as Skipped. Default 4,096.
	InFlight int
	Timeout  time.Duration // of one request; default 10 s
}

// Generator sends requests and counts what becomes of them.
type Generator struct {
	c      Config
	client *http.Client
	total  float64

	mu     sync.Mutex
	counts Report
}

// New makes a generator that sends through client.
func New(c Config, client *http.Client) (*Generator, error) {
	if c.Rate <= 0 {
		return nil, fmt.Errorf("rate %v: want requests per second above 0", c.Rate)
	}
	if c.InFlight == 0 {
		c.InFlight = 4096
	}
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	g := &Generator{c: c, client: client}
	g.counts.reset()
	for _, t := range c.Targets {
		g.total += t.Share
	}
	if g.total <= 0 {
		return nil, fmt.Errorf("%d targets with no share of the requests: want at least one above 0", len(c.Targets))
	}
	return g, nil
}

// Run sends until ctx ends, then waits for what is under way. Requests that are
// under way when ctx ends are finished and counted.
func (g *Generator) Run(ctx context.Context) {
	var under sync.WaitGroup
	defer under.Wait()
	slots := make(chan struct{}, g.c.InFlight)
	calls := context.WithoutCancel(ctx)
	start := time.Now()
	tick := time.NewTimer(0)
	defer tick.Stop()
	for n := 0; ; n++ {
		due := start.Add(time.Duration(float64(n) / g.c.Rate * float64(time.Second)))
		tick.Reset(time.Until(due))
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		select {
		case slots <- struct{}{}:
			under.Go(func() {
				g.send(calls, due)
				<-slots
			})
		default:
			g.skip()
		}
	}
}

// Report is what happened since the generator was made.
func (g *Generator) Report() Report {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.counts.clone()
}

func (g *Generator) skip() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.counts.Skipped++
}

func (g *Generator) send(ctx context.Context, due time.Time) {
	ctx, cancel := context.WithTimeout(ctx, g.c.Timeout)
	defer cancel()
	t := g.choose()
	out := outcome{due: due}
	req, err := http.NewRequestWithContext(ctx, t.Method, t.URL, strings.NewReader(t.Body))
	if err == nil {
		out.read(g.client.Do(req))
	} else {
		out.failure = err.Error()
	}
	out.took = time.Since(due)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.counts.add(out)
}

func (g *Generator) choose() Target {
	at := rand.Float64() * g.total
	for _, t := range g.c.Targets {
		if at -= t.Share; at < 0 {
			return t
		}
	}
	return g.c.Targets[len(g.c.Targets)-1]
}

// read takes in an answer whole: a body that breaks off is a failure too.
func (o *outcome) read(res *http.Response, err error) {
	if err != nil {
		// No answer at all: whatever the cause, it is not an app's word.
		o.failure, o.mesh = err.Error(), "no answer"
		return
	}
	_, err = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	o.status = res.StatusCode
	o.mesh = res.Header.Get("X-Sightline-Reason")
	switch {
	case err != nil:
		o.failure = "read body: " + err.Error()
	case res.StatusCode >= http.StatusInternalServerError || o.mesh != "":
		o.failure = fmt.Sprintf("status %d", res.StatusCode)
	}
}
