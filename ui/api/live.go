package api

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/sync/errgroup"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/topology/graph"
	"github.com/sightline-mesh/sightline/ui/session"
)

const (
	liveTick  = time.Second
	heartbeat = 15 * time.Second
	// backlog is how many messages a stream may lag behind. One that lags further is
	// cut: its browser comes back by itself and starts from the newest state.
	backlog      = 32
	streamsAtMax = 200
)

// message is one server-sent event.
type message struct {
	name string // "graph" or "event"
	data []byte
}

// live reads the mesh once a second and tells every open stream what is new.
type live struct {
	// Set by newLive and never changed.
	graphs Graphs
	events func(ctx context.Context, q EventQuery) ([]mesh.Event, error)
	log    *slog.Logger
	life   context.Context // over when the streams are to end
	finish func()

	mu      sync.Mutex // guards what follows
	streams map[chan message]struct{}
	newest  []byte // the newest graph, so that a new stream starts with one
	ended   bool
}

func newLive(d Deps, log *slog.Logger) *live {
	life, finish := context.WithCancel(context.Background())
	return &live{graphs: d.Graphs, events: d.Events, log: log, streams: map[chan message]struct{}{}, life: life, finish: finish}
}

func (l *live) run(ctx context.Context) error {
	defer l.end()
	g, alive := errgroup.WithContext(ctx)
	// Two loops, so that a control plane that is slow to answer does not freeze the graph.
	g.Go(func() error { return l.tellGraphs(alive) })
	g.Go(func() error { return l.tellEvents(alive) })
	g.Go(func() error { <-alive.Done(); return nil }) // also where there is nothing to tell
	return g.Wait()
}

func (l *live) tellGraphs(ctx context.Context) error {
	if l.graphs == nil {
		return nil
	}
	var told *graph.Graph
	return each(ctx, func() {
		g := l.graphs.Current()
		if g == told || g == nil {
			return
		}
		b, err := json.Marshal(orEmpty(g))
		if err != nil {
			l.log.ErrorContext(ctx, "graph cannot be encoded", "error", err)
			return
		}
		told = g
		l.tell(message{"graph", b})
	})
}

func (l *live) tellEvents(ctx context.Context) error {
	if l.events == nil {
		return nil
	}
	const perTick = 50
	last, primed, down := "", false, false
	return each(ctx, func() {
		page, err := l.events(ctx, EventQuery{Limit: perTick})
		if err != nil {
			if !down && ctx.Err() == nil {
				l.log.WarnContext(ctx, "events not known", "error", err)
			}
			down = true
			return
		}
		down = false
		for _, e := range slices.Backward(page) { // oldest first
			if e.ID <= last {
				continue
			}
			last = e.ID
			if b, err := json.Marshal(e); err == nil && primed {
				l.tell(message{"event", b})
			}
		}
		primed = true // what was there before this process is history, not news
	})
}

// each calls do at once and then once a tick until ctx ends.
func each(ctx context.Context, do func()) error {
	t := time.NewTicker(liveTick)
	defer t.Stop()
	for {
		do()
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

func (l *live) tell(m message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m.name == "graph" {
		l.newest = m.data
	}
	for s := range l.streams {
		select {
		case s <- m:
		default:
			delete(l.streams, s)
			close(s)
		}
	}
}

// join opens a stream, nil when there are too many or the end has come. The channel
// is closed when the stream is over.
func (l *live) join() chan message {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended || len(l.streams) >= streamsAtMax {
		return nil
	}
	s := make(chan message, backlog)
	if l.newest != nil {
		s <- message{"graph", l.newest}
	}
	l.streams[s] = struct{}{}
	return s
}

func (l *live) leave(s chan message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.streams[s]; ok {
		delete(l.streams, s)
		close(s)
	}
}

func (l *live) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	l.finish()
	for s := range l.streams {
		delete(l.streams, s)
		close(s)
	}
}

// stream serves GET /api/v1/live.
func (a *API) stream(c *gin.Context) {
	s := a.live.join()
	if s == nil {
		c.Header("Retry-After", "5")
		a.refuse(c, problem(http.StatusServiceUnavailable, "no more live streams now"))
		return
	}
	defer a.live.leave(s)
	h := c.Writer.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // a proxy in front must not hold events back
	c.Writer.WriteHeader(http.StatusOK)
	if a.write(c, "retry: 2000\n\n") != nil {
		return
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		if a.write(c, a.next(c, s, beat.C)) != nil {
			return
		}
	}
}

// next waits for what the stream says next, "" when it is over.
func (a *API) next(c *gin.Context, s chan message, beat <-chan time.Time) string {
	select {
	case <-c.Request.Context().Done():
		return ""
	case m, ok := <-s:
		if !ok {
			return ""
		}
		return fmt.Sprintf("event: %s\ndata: %s\n\n", m.name, m.data)
	case <-beat:
		if u, _ := a.deps.Sessions.User(c.Request); !u.Role.Allows(session.Viewer) {
			return "" // signed out since
		}
		return ": beat\n\n"
	}
}

// write sends one piece of a stream, with a deadline of its own. No text ends it.
func (*API) write(c *gin.Context, piece string) error {
	if strings.TrimSpace(piece) == "" {
		return http.ErrAbortHandler
	}
	control := http.NewResponseController(c.Writer)
	// Not every writer has deadlines (those of tests have none); then the server's holds.
	_ = control.SetWriteDeadline(time.Now().Add(10 * time.Second))
	if _, err := c.Writer.WriteString(piece); err != nil {
		return fmt.Errorf("write stream: %w", err)
	}
	if err := control.Flush(); err != nil {
		return fmt.Errorf("flush stream: %w", err)
	}
	return nil
}
