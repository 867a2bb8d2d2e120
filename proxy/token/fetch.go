package token

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// KeyWait bounds how long one request waits for keys.
const KeyWait = time.Second

const (
	// Cooldown is the least time between the ends of one fetch of a key set and the
	// start of the next that requests may cause.
	Cooldown = 5 * time.Second
	// refresh is how old a key set may get; Envoy's default.
	refresh      = 5 * time.Minute
	backoffFirst = time.Second
	backoffMost  = time.Minute
	fetchWithin  = 5 * time.Second
	maxKeySet    = 1 << 20 // bytes
	maxRedirects = 3
)

// Fetcher keeps the key sets that issuers publish. Run fetches; its other methods may
// be called from any goroutine and never block.
type Fetcher struct {
	get func(ctx context.Context, uri string) ([]byte, error)
	log *slog.Logger

	wake chan struct{} // capacity 1: the wanted sources have changed

	mu      sync.Mutex // guards what follows
	sources map[string]*source
	wanted  map[string]bool
}

// NewFetcher makes a fetcher that trusts the client's transport to verify who it
// talks to.
func NewFetcher(client *http.Client, log *slog.Logger) *Fetcher {
	c := *client
	c.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		switch {
		case r.URL.Scheme != "https":
			return errors.New("redirected to something else than https")
		case len(via) > maxRedirects:
			return fmt.Errorf("more than %d redirects", maxRedirects)
		}
		return nil
	}
	return newFetcher(func(ctx context.Context, uri string) ([]byte, error) { return getKeys(ctx, &c, uri) }, log)
}

func newFetcher(get func(context.Context, string) ([]byte, error), log *slog.Logger) *Fetcher {
	return &Fetcher{get: get, log: log, wake: make(chan struct{}, 1), sources: map[string]*source{}, wanted: map[string]bool{}}
}

func getKeys(ctx context.Context, c *http.Client, uri string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return nil, err
	}
	res, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", res.StatusCode)
	}
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxKeySet+1))
	if err == nil && len(raw) > maxKeySet {
		err = fmt.Errorf("more than %d bytes", maxKeySet)
	}
	return raw, err
}

// Keep has the key sets of these URIs fetched, and no others.
func (f *Fetcher) Keep(uris []string) {
	wanted := make(map[string]bool, len(uris))
	for _, uri := range uris {
		wanted[uri] = true
		f.source(uri)
	}
	f.mu.Lock()
	f.wanted = wanted
	for uri := range f.sources {
		if !wanted[uri] {
			delete(f.sources, uri)
		}
	}
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// Run fetches until ctx ends. It returns nil.
func (f *Fetcher) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var all sync.WaitGroup
	defer all.Wait()
	running := map[*source]context.CancelFunc{}
	for {
		due := f.due()
		for s, stop := range running {
			if !due[s] {
				stop()
				delete(running, s)
			}
		}
		for s := range due {
			if running[s] == nil {
				alive, stop := context.WithCancel(ctx)
				running[s] = stop
				all.Go(func() { s.run(alive, f.get, f.log) })
			}
		}
		select {
		case <-f.wake:
		case <-ctx.Done():
			return nil
		}
	}
}

// source is the one of a URI, which Keep decides the life of.
func (f *Fetcher) source(uri string) *source {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, ok := f.sources[uri]
	if !ok {
		s = newSource(uri)
		f.sources[uri] = s
	}
	return s
}

// due are the sources that are wanted.
func (f *Fetcher) due() map[*source]bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make(map[*source]bool, len(f.wanted))
	for uri := range f.wanted {
		out[f.sources[uri]] = true
	}
	return out
}
