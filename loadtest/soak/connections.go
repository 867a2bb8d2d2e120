package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sightline-mesh/sightline/loadtest/peers/drive"
	"github.com/sightline-mesh/sightline/loadtest/peers/pair"
)

// idle opens connections, has one request answered on each and lets them lie.
func (s *soak) idle(ctx context.Context, n int) error {
	before, err := s.held(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	idle, err := s.hold(ctx, n)
	if err != nil {
		return errors.Join(err, release(idle))
	}
	opened := time.Since(began)
	select {
	case <-ctx.Done():
	case <-time.After(time.Second + time.Duration(n)*time.Millisecond): // for what is only needed to open them
	}
	lying, err := s.held(ctx)
	if err == nil {
		err = alive(idle)
	}
	err = errors.Join(err, release(idle))
	if err != nil {
		return err
	}
	s.say("%d idle connections, opened in %v: before %v; while they lie %v; %.1f KiB for each", n, opened.Round(time.Millisecond),
		before, lying, float64(lying[0].rss-before[0].rss)/1024/float64(n))
	after, err := s.settle(ctx, both{{lying[0].rss, before[0].descriptors, before[0].goroutines}, before[1]})
	s.say("%d idle connections closed: %v", n, after)
	return err
}

// alive fails unless each connection still answers.
func alive(idle []*drive.Held) error {
	for _, h := range idle {
		if err := h.Ask(); err != nil {
			return err
		}
	}
	return nil
}

// hold opens connections as often as the generator has to be asked. What it has opened
// is also there with an error.
func (s *soak) hold(ctx context.Context, n int) (idle []*drive.Held, err error) {
	const once = 5000
	for left := n; left > 0; left -= once {
		h, err := drive.Hold(ctx, drive.Plan{Address: s.pair.Address, Host: pair.Host, Connections: min(left, once), Body: 128})
		if err != nil {
			return idle, err
		}
		idle = append(idle, h)
	}
	return idle, nil
}

func release(idle []*drive.Held) error {
	var bad []error
	for _, h := range idle {
		bad = append(bad, h.Close())
	}
	return errors.Join(bad...)
}

// lives are what becomes of a connection: of each five, one is like this.
var lives = []func(c net.Conn) error{
	func(c net.Conn) error {
		if err := say(c, "POST / HTTP/1.1\r\nHost: "+pair.Host+"\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"); err != nil {
			return err
		}
		got, err := answer(bufio.NewReader(c), nil)
		if err == nil && got != "hi" {
			err = fmt.Errorf("got %q", got)
		}
		return err
	},
	func(c net.Conn) error { return say(c, "POST / HTTP/1.1\r\nHost: ec") },
	func(c net.Conn) error {
		return say(c, "POST / HTTP/1.1\r\nHost: "+pair.Host+"\r\nContent-Length: 2\r\n\r\n")
	},
	func(net.Conn) error { return nil },
	func(c net.Conn) error {
		if err := say(c, "POST / HTTP/1.1\r\nHost: nobody\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi"); err != nil {
			return err
		}
		return unknown(c)
	},
}

// unknown reads the answer to a request for a service that there is not.
func unknown(c io.Reader) error {
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return fmt.Errorf("ask for nobody: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusNotFound {
		return fmt.Errorf("ask for nobody: %s, want 404", res.Status)
	}
	_, err = io.Copy(io.Discard, res.Body)
	return err
}

func say(c net.Conn, s string) error {
	_, err := io.WriteString(c, s)
	return err
}

// churn opens connections at a rate, whether or not earlier ones have ended, and closes
// each: after an answer, in the middle of a request, or having said nothing.
func (s *soak) churn(ctx context.Context, rate int, lasts time.Duration) error {
	for n := range lives {
		if err := s.live(ctx, n); err != nil {
			return err
		}
	}
	before, err := s.held(ctx)
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	var failed, done atomic.Int64
	var first atomic.Pointer[error]
	began := time.Now()
	opened := 0
	for ctx.Err() == nil && time.Since(began) < lasts {
		for due := int(time.Since(began).Seconds() * float64(rate)); opened < due; opened++ {
			n := opened
			all.Go(func() {
				if err := s.live(ctx, n); err != nil {
					failed.Add(1)
					first.CompareAndSwap(nil, &err)
				}
				done.Add(1)
			})
		}
		<-time.After(2 * time.Millisecond)
	}
	late := int64(opened) - done.Load() // under way at the end
	took := time.Since(began)
	all.Wait()
	after, err := s.settle(ctx, before)
	reached := float64(opened) / took.Seconds()
	s.say("%d connections opened and closed in %v, %.0f/s of %d/s asked, %d failed, %d under way at the end: before %v; after %v",
		opened, took.Round(time.Millisecond), reached, rate, failed.Load(), late, before, after)
	if e := first.Load(); e != nil {
		err = errors.Join(err, fmt.Errorf("%d connections failed, the first: %w", failed.Load(), *e))
	}
	return errors.Join(err, keptUp(opened, late, rate, took))
}

// keptUp fails unless connections were opened at nine tenths of the rate at least, and
// no more than a second's were under way at the end.
func keptUp(opened int, late int64, rate int, took time.Duration) error {
	asked := float64(rate) * took.Seconds()
	if float64(opened) < 0.9*asked-1 { // the last may not have been due
		return fmt.Errorf("%d connections were opened of %.0f: fewer than nine tenths of %d/s", opened, asked, rate)
	}
	if late > int64(rate) {
		return fmt.Errorf("%d connections were under way at the end: the pair does not keep up with %d/s", late, rate)
	}
	return nil
}

func (s *soak) live(ctx context.Context, n int) error {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", s.pair.Address.String())
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return err
	}
	return lives[n%len(lives)](c)
}
