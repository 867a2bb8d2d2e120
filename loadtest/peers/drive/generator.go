package drive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sightline-mesh/sightline/loadtest/peers/epoll"
	"github.com/sightline-mesh/sightline/loadtest/peers/framing"
)

// link is one connection with the request under way on it.
type link struct {
	*epoll.Conn

	busy bool
	due  time.Time // when the request under way was
}

type generator struct {
	plan    Plan
	poller  *epoll.Poller
	request *request
	links   map[int]*link // by descriptor
	free    []*link       // longest idle first
	under   int           // requests under way

	start, end time.Time
	every      float64 // ns between two requests of an open loop
	next       int     // of an open loop: the number of the next request
	total      int     // of an open loop: how many there are

	out     Result
	samples []time.Duration
	last    time.Time
}

func newGenerator(p Plan) (*generator, error) {
	poller, err := epoll.New()
	if err != nil {
		return nil, err
	}
	g := &generator{plan: p, poller: poller, request: newRequest(p), links: map[int]*link{}}
	g.out.Failures = map[string]int{}
	// Enough that appending a sample does not have to move them.
	g.samples = make([]time.Duration, 0, int(max(p.Rate, 50_000)*p.For.Seconds())+p.Connections)
	for range p.Connections {
		if err := g.dial(); err != nil {
			return nil, errors.Join(err, g.close())
		}
	}
	return g, nil
}

// dial adds a free link.
func (g *generator) dial() error {
	c, err := epoll.Dial(g.plan.Address)
	if err != nil {
		return err
	}
	l := &link{Conn: c}
	g.links[c.FD] = l
	g.free = append(g.free, l)
	return g.poller.Add(c.FD)
}

func (g *generator) run(ctx context.Context) error {
	g.start = time.Now().Add(lead)
	g.end = g.start.Add(g.plan.For)
	g.last = g.start
	if g.plan.Rate > 0 {
		g.every = float64(time.Second) / g.plan.Rate
		g.total = int(g.plan.Rate * g.plan.For.Seconds())
	}
	for ctx.Err() == nil {
		now := time.Now()
		if err := g.send(now); err != nil {
			return err
		}
		if g.over(now) {
			g.giveUp()
			return nil
		}
		events, err := g.poller.Wait(g.pause())
		if err != nil {
			return err
		}
		for _, e := range events {
			if err := g.handle(e); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// dueAt is when a request of an open loop is due.
func (g *generator) dueAt(n int) time.Time { return g.start.Add(time.Duration(float64(n) * g.every)) }

// send sends what is due, as far as links are free.
func (g *generator) send(now time.Time) error {
	for len(g.free) > 0 {
		due := now
		switch {
		case g.plan.Rate > 0 && (g.next >= g.total || g.dueAt(g.next).After(now)):
			return nil
		case g.plan.Rate > 0:
			due = g.dueAt(g.next)
		case now.Before(g.start) || now.After(g.end):
			return nil
		}
		g.next++
		l := g.free[0]
		g.free = g.free[:copy(g.free, g.free[1:])]
		l.busy, l.due = true, due
		g.under++
		g.out.Sent++
		if err := l.Write(g.poller, g.request.next()); err != nil {
			if err := g.fail(l, "write"); err != nil {
				return err
			}
		}
	}
	return nil
}

// pause is how long nothing is to be sent.
func (g *generator) pause() time.Duration {
	now := time.Now()
	if now.Before(g.start) {
		return g.start.Sub(now)
	}
	if g.plan.Rate > 0 && len(g.free) > 0 && g.next < g.total {
		return min(g.dueAt(g.next).Sub(now), idleWait)
	}
	return idleWait
}

func (g *generator) over(now time.Time) bool {
	if g.plan.Rate > 0 {
		return g.next >= g.total && g.under == 0 || now.After(g.end.Add(patience))
	}
	return now.After(g.end) && (g.under == 0 || now.After(g.end.Add(patience)))
}

// giveUp counts what has no answer by now.
func (g *generator) giveUp() {
	if g.under > 0 {
		g.out.Failures["no answer"] += g.under
	}
	g.out.Unsent = max(g.total-g.next, 0)
}

func (g *generator) handle(e epoll.Event) error {
	l := g.links[e.FD]
	if l == nil {
		return nil
	}
	if e.Writable && l.Flush(g.poller) != nil {
		return g.fail(l, "write")
	}
	if !e.Readable {
		return nil
	}
	switch err := l.Fill(); {
	case errors.Is(err, io.EOF):
		return g.fail(l, "connection closed")
	case err != nil:
		return g.fail(l, "read")
	}
	m, err := framing.Parse(l.Unread())
	if err != nil {
		return g.fail(l, "answer not understood")
	}
	if m.Size() == 0 {
		return nil
	}
	return g.answer(l, m)
}

// answer counts a whole answer.
func (g *generator) answer(l *link, m framing.Message) error {
	now := time.Now()
	status := framing.Status(l.Unread())
	switch {
	case !l.busy || len(l.Unread()) > m.Size():
		return g.fail(l, "more than was asked for")
	case status != 200:
		g.out.Failures[fmt.Sprintf("status %d", status)]++
	case m.Body != g.plan.Body:
		g.out.Failures["another body"]++
	default:
		g.out.Answered++
		g.samples = append(g.samples, now.Sub(l.due))
		g.last = now
	}
	l.Use(m.Size())
	l.busy = false
	g.under--
	g.free = append(g.free, l)
	return nil
}

// fail ends a link and puts a new one in its place.
func (g *generator) fail(l *link, why string) error {
	if l.busy {
		g.out.Failures[why]++
		g.under--
	} else {
		g.out.Redials++
		for i, f := range g.free {
			if f == l {
				g.free = append(g.free[:i], g.free[i+1:]...)
				break
			}
		}
	}
	delete(g.links, l.FD)
	if err := l.Close(); err != nil {
		return err
	}
	return g.dial()
}

func (g *generator) result() Result {
	g.out.Took = g.last.Sub(g.start)
	g.out.Latency = summarize(g.samples)
	return g.out
}

func (g *generator) close() error {
	bad := []error{g.poller.Close()}
	for _, l := range g.links {
		bad = append(bad, l.Close())
	}
	return errors.Join(bad...)
}
