package queue

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(killedEnv); dir != "" {
		runUntilKilled(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// request is one whose items are words.
type request struct{ words []string }

func words(w ...string) *request { return &request{w} }

// part is a request that is rendered.
type part []string

func (p part) Size() int {
	n := 0
	for _, w := range p {
		n += len(w)
	}
	return n
}

// rendered has a queue keep parts of requests.
func rendered(d *Deps[*request]) {
	d.Render = func(r *request) Part { return part(slices.Clone(r.words)) }
}

func wordForm() Form[*request] {
	return Form[*request]{
		Encode: func(r *request) ([]byte, error) { return []byte(strings.Join(r.words, " ")), nil },
		Decode: func(b []byte) (*request, error) { return words(strings.Fields(string(b))...), nil },
		Items:  func(r *request) int { return len(r.words) },
		New:    func() *request { return &request{} },
		Join:   func(into, from *request) { into.words = append(into.words, from.words...) },
		Hold:   func(*request) {},
		Let:    func(*request) {},
	}
}

// store has each batch once, by its name, as the real one does.
type store struct {
	mu       sync.Mutex
	batches  map[string][]string
	order    []string // of the batches' names
	tries    int
	err      error         // that every try ends with
	stores   bool          // all the same
	takes    time.Duration // each try
	received int
	dropped  map[string]int
}

func newStore() *store { return &store{batches: map[string][]string{}, dropped: map[string]int{}} }

// Received implements Books.
func (s *store) Received(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.received += n
}

// Dropped implements Books.
func (s *store) Dropped(reason string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropped[reason] += n
}

func (s *store) prepare(c Content[*request], name string) func(context.Context) error {
	var all []string
	if c.Request != nil {
		all = slices.Clone(c.Request.words)
	}
	for _, p := range c.Parts {
		all = append(all, p.(part)...) //nolint:forcetypeassert // render makes no other
	}
	return func(ctx context.Context) error {
		select {
		case <-time.After(s.takes):
		case <-ctx.Done():
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.tries++
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if s.err == nil || s.stores {
			if _, twice := s.batches[name]; !twice {
				s.batches[name] = all
				s.order = append(s.order, name)
			}
		}
		return s.err
	}
}

// answer is what every try ends with from now on.
func (s *store) answer(err error, stores bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err, s.stores = err, stores
}

// told is the batches in their order, each its words.
func (s *store) told() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, name := range s.order {
		all = append(all, strings.Join(s.batches[name], " "))
	}
	return all
}

// words is all that is stored, in order.
func (s *store) words() []string { return strings.Fields(strings.Join(s.told(), " ")) }

func (s *store) tried() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tries
}

var (
	errAway   = errors.New("the store is away")
	errBroken = consumererror.NewPermanent(errors.New("no such column"))
)

func testConfig(dir string) Config {
	c := Default()
	c.Directory, c.BatchItems, c.BatchWait = dir, 10, 20*time.Millisecond
	c.RetryFirst, c.RetryMost = 5*time.Millisecond, 20*time.Millisecond
	return c
}

// start runs a queue until the test ends or stop is called.
func start(t *testing.T, c Config, s *store, change ...func(*Deps[*request])) (q *Queue[*request], stop func()) {
	t.Helper()
	d := Deps[*request]{Prepare: s.prepare, Books: s, Log: zaptest.NewLogger(t)}
	for _, f := range change {
		f(&d)
	}
	q = newQueue(c, wordForm(), d)
	must(t, q.Start(t.Context(), componenttest.NewNopHost()))
	var once sync.Once
	stop = func() { once.Do(func() { must(t, q.Shutdown(context.Background())) }) }
	t.Cleanup(stop)
	return q, stop
}

// until waits for what a disk or another process brings about.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline.C:
			t.Fatalf("waited in vain until %s", what)
		case <-tick.C:
		}
	}
}
