package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/topology/graph"
	"github.com/sightline-mesh/sightline/ui/api"
)

// timeline is an event source that tests add to.
type timeline struct {
	asked chan struct{} // closed by the first who asks

	mu   sync.Mutex
	all  []mesh.Event // newest first
	down bool
}

func (l *timeline) add(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append([]mesh.Event{{ID: id, Kind: mesh.EventTripped, Summary: id}}, l.all...)
}

func (l *timeline) events(_ context.Context, q api.EventQuery) ([]mesh.Event, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.asked:
	default:
		close(l.asked)
	}
	if l.down {
		return nil, errors.New("down")
	}
	return append([]mesh.Event(nil), l.all[:min(len(l.all), q.Limit)]...), nil
}

// follow opens the live stream and returns a reader of its next event.
func follow(t *testing.T, s *site) (next func() (name, data string)) {
	t.Helper()
	srv := httptest.NewServer(s.h)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.api.Run(ctx) }()
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL+"/api/v1/live", nil)
	r.Header.Set("Authorization", "Bearer "+s.token)
	res, err := srv.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = res.Body.Close()
		srv.Close()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	if got := res.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Fatalf("content type %q", got)
	}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	return func() (name, data string) {
		for lines.Scan() {
			if v, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				name = v
			}
			if v, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				return name, v
			}
		}
		t.Fatalf("stream ended: %v", lines.Err())
		return "", ""
	}
}

func TestLiveStream(t *testing.T) {
	l := &timeline{asked: make(chan struct{})}
	l.add("0001")
	s := open(t, func(d *api.Deps) { d.Events = l.events })
	next := follow(t, s)
	var g graph.Graph
	name, data := next()
	if err := json.Unmarshal([]byte(data), &g); name != "graph" || err != nil || len(g.Nodes) < 10 {
		t.Fatalf("first message %q with %d nodes, %v", name, len(g.Nodes), err)
	}
	<-l.asked // what is there by then is no news
	l.add("0002")
	l.add("0003")
	var got []string
	for len(got) < 2 {
		name, data := next()
		var e mesh.Event
		if name == "event" && json.Unmarshal([]byte(data), &e) == nil {
			got = append(got, e.ID)
		}
	}
	if got[0] != "0002" || got[1] != "0003" {
		t.Errorf("events %v, want the new ones in order of time and not the old one", got)
	}
}

func TestLiveStreamEndsWithRun(t *testing.T) {
	s := open(t)
	srv := httptest.NewServer(s.h)
	defer srv.Close()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.api.Run(ctx) }()
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/api/v1/live", nil)
	r.Header.Set("Authorization", "Bearer "+s.token)
	res, err := srv.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run = %v", err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for b := bufio.NewReader(res.Body); ; {
			if _, err := b.ReadByte(); err != nil {
				return
			}
		}
	}()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Fatal("the stream outlived the server")
	}
	if w := s.do("GET", "/api/v1/live", ""); w.Code != http.StatusServiceUnavailable {
		t.Errorf("a stream after the end = %d, want 503", w.Code)
	}
}
