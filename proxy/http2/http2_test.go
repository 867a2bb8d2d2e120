package http2

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// backend serves connections of a listener until the test ends.
type backend struct {
	*Server
	addr     string
	accepted atomic.Int32
}

func serve(t *testing.T, h http.HandlerFunc) *backend {
	t.Helper()
	s, err := NewServer()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &backend{Server: s, addr: l.Addr().String()}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			b.accepted.Add(1)
			all.Go(func() {
				defer c.Close()
				s.Serve(t.Context(), c, h)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		s.Drain(context.Background())
		all.Wait()
	})
	return b
}

func (b *backend) client(t *testing.T) *Client {
	t.Helper()
	c := NewClient(time.Minute, func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", b.addr)
	})
	t.Cleanup(c.Close)
	return c
}

func send(t *testing.T, c *Client, body string) (string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://reviews/x", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.RoundTrip(r)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	all, err := io.ReadAll(res.Body)
	return string(all), err
}

func echo(w http.ResponseWriter, r *http.Request) {
	all, err := io.ReadAll(r.Body)
	if err == nil {
		fmt.Fprintf(w, "%s %s", r.Host, all)
	}
}

func TestRequestsShareOneConnection(t *testing.T) {
	b := serve(t, echo)
	c := b.client(t)
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			body := strings.Repeat("x", i*1000)
			if got, err := send(t, c, body); err != nil || got != "reviews "+body {
				t.Errorf("request %d: %d bytes, %v", i, len(got), err)
			}
		})
	}
	all.Wait()
	if n := b.accepted.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestDrainLetsStreamsFinishAndSendsOthersElsewhere(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	b := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength == 4 {
			entered <- struct{}{}
			<-release
		}
		echo(w, r)
	})
	c := b.client(t)
	slow := make(chan error)
	go func() {
		got, err := send(t, c, "slow")
		if err == nil && got != "reviews slow" {
			err = fmt.Errorf("got %q", got)
		}
		slow <- err
	}()
	<-entered
	b.Drain(t.Context())
	if got, err := send(t, c, "other"); err != nil || got != "reviews other" {
		t.Errorf("after the drain: %q, %v", got, err)
	}
	close(release)
	if err := <-slow; err != nil {
		t.Errorf("begun before the drain: %v", err)
	}
}

func TestFailedDialIsToldApart(t *testing.T) {
	refused := errors.New("refused")
	c := NewClient(time.Minute, func(context.Context) (net.Conn, error) { return nil, refused })
	defer c.Close()
	if _, err := send(t, c, "x"); !errors.Is(err, ErrConnect) || !errors.Is(err, refused) {
		t.Errorf("got %v", err)
	}
}

func TestCloseEndsADialInProgress(t *testing.T) {
	dialling := make(chan struct{})
	c := NewClient(time.Minute, func(ctx context.Context) (net.Conn, error) {
		close(dialling)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	failed := make(chan error)
	go func() {
		_, err := send(t, c, "x")
		failed <- err
	}()
	<-dialling
	c.Close()
	if err := <-failed; err == nil {
		t.Error("no error")
	}
	if _, err := send(t, c, "x"); err == nil {
		t.Error("a closed client sends")
	}
}
