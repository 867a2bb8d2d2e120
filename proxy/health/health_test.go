package health

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// ward has things to be asked, whose answers a test sets.
type ward struct {
	mu      sync.Mutex
	targets []Target[string]
	answers map[string]error
	asked   []string
	out     int
	most    int
	reports map[string]Report
	slow    time.Duration
}

func (w *ward) ask(ctx context.Context, key string) error {
	w.mu.Lock()
	w.asked = append(w.asked, key)
	w.out++
	w.most = max(w.most, w.out)
	err, slow := w.answers[key], w.slow
	w.mu.Unlock()
	select {
	case <-time.After(slow):
	case <-ctx.Done():
		err = ctx.Err()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.out--
	return err
}

func (w *ward) set(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

func (w *ward) report() Report {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.reports["a"]
}

// questions is how many there were since it was last called.
func (w *ward) questions() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(w.asked)
	w.asked = nil
	return n
}

var every10s = Plan{Interval: 10 * time.Second, Idle: time.Minute, Timeout: time.Second, Healthy: 2, Unhealthy: 3}

func start(t *testing.T, w *ward) (stop func()) {
	w.answers, w.reports = map[string]error{}, map[string]Report{}
	c := New(Deps[string]{
		Targets: func() []Target[string] {
			w.mu.Lock()
			defer w.mu.Unlock()
			return append([]Target[string](nil), w.targets...)
		},
		Ask:  w.ask,
		Tell: func(key string, r Report) { w.set(func() { w.reports[key] = r }) },
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- c.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestThresholds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &ward{targets: []Target[string]{{Key: "a", Plan: every10s}}}
		defer start(t, w)()
		time.Sleep(5 * time.Second)
		if r := w.report(); !r.Well || r.Checked.IsZero() {
			t.Fatalf("report %+v after a good answer", r)
		}
		w.questions()
		asked := func(n int) { // intervals vary, so that questions are counted and not time
			for n > 0 {
				time.Sleep(time.Second)
				n -= w.questions()
			}
		}
		w.set(func() { w.answers["a"] = errors.New("connection refused") })
		asked(2)
		if r := w.report(); !r.Well {
			t.Errorf("unwell after two bad answers of three: %+v", r)
		}
		asked(1)
		if r := w.report(); r.Well || r.Why != "connection refused" {
			t.Errorf("report %+v after three bad answers", r)
		}
		w.set(func() { w.answers["a"] = nil })
		asked(1)
		if r := w.report(); r.Well {
			t.Errorf("well after one good answer of two: %+v", r)
		}
		asked(1)
		if r := w.report(); !r.Well || r.Why != "" {
			t.Errorf("report %+v after two good answers", r)
		}
		w.set(func() { w.answers["a"] = fmt.Errorf("GET /: 500: %w", ErrUnwell) })
		asked(1)
		if r := w.report(); r.Well {
			t.Errorf("an answer without doubt did not count at once: %+v", r)
		}
	})
}

func TestTimeoutsCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &ward{targets: []Target[string]{{Key: "a", Plan: every10s}}, slow: time.Hour}
		defer start(t, w)()
		time.Sleep(time.Minute)
		if r := w.report(); r.Well {
			t.Errorf("report %+v", r)
		}
	})
}

func TestUnusedIsAskedLessOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &ward{targets: []Target[string]{{Key: "a", Plan: every10s, Unused: true}}}
		defer start(t, w)()
		time.Sleep(5 * time.Second)
		w.questions()
		time.Sleep(10 * time.Minute)
		if n := w.questions(); n < 9 || n > 11 {
			t.Errorf("%d questions in ten minutes, want one a minute", n)
		}
		w.set(func() { w.targets[0].Unused = false })
		time.Sleep(12 * time.Second)
		if n := w.questions(); n < 1 || n > 2 { // the first is at any time of the first interval
			t.Errorf("%d questions within an interval of its use", n)
		}
		time.Sleep(10 * time.Minute)
		if n := w.questions(); n < 54 || n > 67 {
			t.Errorf("%d questions in ten minutes, want six a minute", n)
		}
	})
}

func TestQuestionsAtOnceAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &ward{slow: 500 * time.Millisecond}
		for n := range 200 {
			w.targets = append(w.targets, Target[string]{Key: strconv.Itoa(n), Plan: every10s})
		}
		defer start(t, w)()
		time.Sleep(9 * time.Second)
		if n := w.questions(); n != 200 || w.most != atOnce {
			t.Errorf("%d were asked, %d at once", n, w.most)
		}
	})
}

func TestWhatLeavesIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &ward{targets: []Target[string]{{Key: "a", Plan: every10s}}, slow: 900 * time.Millisecond}
		stop := start(t, w)
		time.Sleep(30 * time.Second)
		w.set(func() { w.targets = nil })
		time.Sleep(2 * time.Second)
		w.questions()
		time.Sleep(time.Minute)
		if n := w.questions(); n != 0 {
			t.Errorf("%d questions to what has left", n)
		}
		w.set(func() { w.targets, w.slow = []Target[string]{{Key: "b", Plan: every10s}}, time.Hour })
		time.Sleep(2100 * time.Millisecond)
		stop() // with a question out, perhaps: it is cancelled and waited for
		if w.out != 0 {
			t.Errorf("%d questions are out at the end", w.out)
		}
	})
}
