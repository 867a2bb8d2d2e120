package http2

import (
	"errors"
	"sync"
	"testing"
	"time"
)

// ration lets so many connections be open and nobody wait.
type ration struct {
	mu   sync.Mutex
	left int
}

func (r *ration) Take(open int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.left == 0 && open > 0 {
		return false
	}
	r.left--
	return true
}

func (r *ration) Give() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left++
}

func (*ration) Wait() error { return errors.New("nobody may wait") }
func (*ration) Served()     {}

func TestClientKeepsToItsQuotaAndStreams(t *testing.T) {
	q := &ration{left: 1}
	c, serve := clientAt(t, ClientConfig{Streams: 2, Quota: q})
	streams := []*Stream{open(t, c, get("/")), open(t, c, get("/"))}
	if _, err := c.OpenOnly(t.Context(), get("/"), NewWaker()); !errors.Is(err, ErrOverflow) {
		t.Errorf("a third stream: %v", err)
	}
	if c.Connections() != 1 {
		t.Errorf("%d connections", c.Connections())
	}
	serve()
	for _, s := range streams {
		s.Close()
	}
	c.Close()
	for deadline := time.Now().Add(time.Minute); ; {
		q.mu.Lock()
		left := q.left
		q.mu.Unlock()
		if left == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("quota at the end: %d", left)
		}
		<-time.After(time.Millisecond)
	}
}

func TestConnectionsCarrySoManyRequests(t *testing.T) {
	c, serve := clientAt(t, ClientConfig{Requests: 2})
	for range 5 {
		open(t, c, get("/"))
	}
	if c.Connections() != 3 {
		t.Errorf("%d connections for 5 requests at once, want 3", c.Connections())
	}
	for range 3 {
		serve()
	}
}
