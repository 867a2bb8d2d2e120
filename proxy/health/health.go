// Package health asks things from time to time whether they are well, and tells when
// that changes. It knows neither what they are nor how they are asked.
//
// One goroutine, Run, owns the schedule and all that is known; each question has a
// goroutine of its own, of which there are at most 16 at once. What is not to be asked
// any more is forgotten, and a question that is out is cancelled.
package health

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// ErrUnwell marks an answer that leaves no doubt: it makes a thing unwell at once, where
// a lack of an answer has to repeat itself.
var ErrUnwell = errors.New("unwell")

// Plan is how one thing is asked. Every field has a value.
type Plan struct {
	Interval  time.Duration // between two questions
	Idle      time.Duration // in its place while the thing is not used
	Timeout   time.Duration // for an answer
	Healthy   int           // good answers in a row that an unwell thing needs
	Unhealthy int           // bad ones in a row that make one unwell
}

// Target is a thing to be asked.
type Target[K comparable] struct {
	Key  K
	Plan Plan
	// Unused reports whether the thing was not used within the plan's interval.
	Unused bool
}

// Report is what is known of a thing after a question.
type Report struct {
	Well    bool
	Why     string // it is not
	Since   time.Time
	Checked time.Time
}

// Deps is what a Checker works with. All are required.
type Deps[K comparable] struct {
	// Targets lists what is to be asked. It is called about every second.
	Targets func() []Target[K]
	// Ask asks once, until ctx ends at the latest. Nil is a good answer.
	Ask func(ctx context.Context, key K) error
	// Tell is told after each question.
	Tell func(key K, r Report)
}

const (
	atOnce = 16          // questions that may be out
	look   = time.Second // between two looks at the targets
	jitter = 0.1         // of an interval, so that many askers spread
)

// Checker asks. Use New; run Run once.
type Checker[K comparable] struct {
	deps    Deps[K]
	known   map[K]*state
	answers chan answer[K]
	out     int // questions
}

type state struct {
	plan      Plan
	unused    bool
	next      time.Time
	cancel    context.CancelFunc // of the question that is out; nil if none is
	good, bad int                // in a row
	report    Report
}

type answer[K comparable] struct {
	key K
	of  *state
	err error
}

// New makes a checker.
func New[K comparable](d Deps[K]) *Checker[K] {
	return &Checker[K]{deps: d, known: make(map[K]*state), answers: make(chan answer[K])}
}

// Run asks until ctx ends, and returns when no question is out any more.
func (c *Checker[K]) Run(ctx context.Context) error {
	tick := time.NewTimer(0)
	defer tick.Stop()
	var looked time.Time
	for {
		select {
		case <-ctx.Done():
			c.end()
			return nil
		case a := <-c.answers:
			c.take(a)
		case <-tick.C:
		}
		now := time.Now()
		if now.Sub(looked) >= look {
			c.look(now)
			looked = now
		}
		tick.Reset(min(c.ask(ctx, now), looked.Add(look).Sub(now)))
	}
}

// look makes the schedule what the targets are now.
func (c *Checker[K]) look(now time.Time) {
	there := make(map[K]bool, len(c.known))
	for _, t := range c.deps.Targets() {
		there[t.Key] = true
		s := c.known[t.Key]
		if s == nil || s.plan != t.Plan {
			s.abandon()
			s = &state{plan: t.Plan, report: Report{Well: true, Since: now}}
			s.next = now.Add(time.Duration(rand.Float64() * float64(min(t.Plan.Interval, look))))
			c.known[t.Key] = s
		}
		if s.unused && !t.Unused { // it is used again: what is known may be old
			s.next = minTime(s.next, now.Add(t.Plan.Interval))
		}
		s.unused = t.Unused
	}
	for key, s := range c.known {
		if !there[key] {
			s.abandon()
			delete(c.known, key)
		}
	}
}

// ask sends the questions that are due, and says how long it is until the next is.
func (c *Checker[K]) ask(ctx context.Context, now time.Time) time.Duration {
	wait := look
	for key, s := range c.known {
		switch left := s.next.Sub(now); {
		case s.cancel != nil:
		case left > 0:
			wait = min(wait, left)
		case c.out < atOnce: // else an answer comes first
			c.send(ctx, key, s)
		}
	}
	return wait
}

func (c *Checker[K]) send(ctx context.Context, key K, s *state) {
	ctx, s.cancel = context.WithTimeout(ctx, s.plan.Timeout)
	c.out++
	go func() { // Run takes its answer, also at the end
		c.answers <- answer[K]{key, s, c.deps.Ask(ctx, key)}
	}()
}

// take learns from an answer, unless it is of something that was forgotten.
func (c *Checker[K]) take(a answer[K]) {
	c.out--
	a.of.cancelQuestion()
	if c.known[a.key] != a.of {
		return
	}
	now := time.Now()
	a.of.learn(a.err, now)
	interval := a.of.plan.Interval
	if a.of.unused {
		interval = a.of.plan.Idle
	}
	a.of.next = now.Add(time.Duration(float64(interval) * (1 + jitter*(2*rand.Float64()-1))))
	c.deps.Tell(a.key, a.of.report)
}

func (s *state) learn(err error, now time.Time) {
	s.report.Checked = now
	if err == nil {
		s.bad = 0
		if s.good++; !s.report.Well && s.good >= s.plan.Healthy {
			s.report.Well, s.report.Why, s.report.Since = true, "", now
		}
		return
	}
	s.good = 0
	s.bad++
	if s.report.Well && (s.bad >= s.plan.Unhealthy || errors.Is(err, ErrUnwell)) {
		s.report.Well, s.report.Since = false, now
	}
	if !s.report.Well {
		s.report.Why = err.Error()
	}
}

func (s *state) cancelQuestion() {
	if s != nil && s.cancel != nil {
		s.cancel()
		s.cancel = nil
	}
}

// abandon cancels the question that is out; its answer is still to be taken.
func (s *state) abandon() {
	if s != nil && s.cancel != nil {
		s.cancel()
	}
}

// end waits for the questions that are out.
func (c *Checker[K]) end() {
	for ; c.out > 0; c.out-- {
		a := <-c.answers
		a.of.cancelQuestion()
	}
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
