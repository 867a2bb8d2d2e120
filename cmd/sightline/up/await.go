package up

import (
	"context"
	"net/url"
	"strings"
	"time"
)

// When to say what a start waits for: not where it is merely slow, and not so often
// that it fills a log.
const (
	sayAfter = 3 * time.Second
	sayAgain = time.Minute
)

// Await returns when the mesh is ready or ctx has ended. Where that takes long, it tells
// say what is missing and why: after a few seconds, when it is something else, and every
// minute. A mesh waits for a ClickHouse server, an etcd cluster or a slow disk as long as
// it takes: whoever starts all machines at once need not start them in order.
func (m *Mesh) Await(ctx context.Context, say func(string)) {
	tick := time.NewTicker(sayAfter)
	defer tick.Stop()
	var last string
	var said time.Time
	for {
		select {
		case <-m.ready:
			return
		case <-ctx.Done():
			return
		case now := <-tick.C:
			missing := m.lacking()
			what, _, _ := strings.Cut(missing, ": ") // why may differ from try to try
			if what != last || now.Sub(said) >= sayAgain {
				say("waiting for " + missing)
				last, said = what, now
			}
		}
	}
}

// lack notes what the start waits for: "the store: connection refused".
func (m *Mesh) lack(what string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.missing = what
}

func (m *Mesh) lacking() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.missing
}

// place is the store as people know it, without the password.
func (m *Mesh) place() string {
	if u, err := url.Parse(m.dsn); m.store == nil && err == nil {
		return "the ClickHouse server at " + u.Host
	}
	return "the store"
}
