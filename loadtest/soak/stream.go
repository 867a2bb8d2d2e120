package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/sightline-mesh/sightline/loadtest/peers/pair"
)

// stream carries so many bytes each way: as bodies of HTTP/1.1, then in a stream of bytes
// opened by CONNECT. Memory is looked at every second.
func (s *soak) stream(ctx context.Context, size int64) error {
	for _, way := range []struct {
		name    string
		connect bool
	}{{"HTTP/1.1", false}, {"stream of bytes", true}} {
		c, err := s.dial(ctx, way.connect)
		if err != nil {
			return fmt.Errorf("stream by %s: %w", way.name, err)
		}
		before, err := s.held(ctx)
		if err != nil {
			return err
		}
		began := time.Now()
		most, err := s.watched(ctx, func() error { return carry(c, size) })
		took := time.Since(began)
		_ = c.Close()
		if err != nil {
			return fmt.Errorf("stream by %s: %w", way.name, err)
		}
		s.say("%d MiB up and %d MiB down by %s in %v (%.0f MiB/s): before %v; most %v",
			size>>20, size>>20, way.name, took.Round(time.Millisecond), float64(2*size>>20)/took.Seconds(), before, most)
		if err := leak(before, most); err != nil {
			return fmt.Errorf("stream by %s: %w", way.name, err)
		}
	}
	return nil
}

// watched is the most that was held while do ran.
func (s *soak) watched(ctx context.Context, do func() error) (most both, err error) {
	done := make(chan error, 1)
	go func() { done <- do() }()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		now, bad := s.held(ctx)
		if bad != nil {
			return most, bad
		}
		for i := range most {
			most[i] = held{max(most[i].rss, now[i].rss), max(most[i].descriptors, now[i].descriptors), max(most[i].goroutines, now[i].goroutines)}
		}
		select {
		case err := <-done:
			return most, err
		case <-tick.C:
		case <-ctx.Done():
			return most, ctx.Err()
		}
	}
}

// dial connects to the caller's sidecar, and by CONNECT through it where that is asked.
func (s *soak) dial(ctx context.Context, connect bool) (net.Conn, error) { //nolint:revive // both are dialled alike
	c, err := new(net.Dialer).DialContext(ctx, "tcp", s.pair.Address.String())
	if err != nil || !connect {
		return c, err
	}
	_, err = fmt.Fprintf(c, "CONNECT %s:80 HTTP/1.1\r\nHost: %s:80\r\n\r\n", pair.Host, pair.Host)
	if err != nil {
		return nil, err
	}
	const ok = "HTTP/1.1 200 OK\r\n\r\n"
	b := make([]byte, len(ok))
	if _, err := io.ReadFull(c, b); err != nil || string(b) != ok {
		return nil, fmt.Errorf("CONNECT was answered %q, %w", b, err)
	}
	return c, nil
}

// carry sends a body of this size, and gets one.
func carry(c net.Conn, size int64) error {
	in := bufio.NewReaderSize(c, 256<<10)
	_, err := fmt.Fprintf(c, "POST /sink HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n", pair.Host, size)
	if err != nil {
		return err
	}
	if _, err := io.CopyBuffer(struct{ io.Writer }{c}, io.LimitReader(zeros{}, size), make([]byte, 256<<10)); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	got, err := answer(in, nil)
	if err != nil || got != strconv.FormatInt(size, 10) {
		return fmt.Errorf("the app read %s bytes of %d, %w", got, size, err)
	}
	if _, err := fmt.Fprintf(c, "GET /source?bytes=%d HTTP/1.1\r\nHost: %s\r\n\r\n", size, pair.Host); err != nil {
		return err
	}
	var count counter
	if _, err := answer(in, &count); err != nil || int64(count) != size {
		return fmt.Errorf("%d bytes of %d came, %w", count, size, err)
	}
	return nil
}

// answer reads one to its end: into a text, or where it is told.
func answer(in *bufio.Reader, into io.Writer) (string, error) {
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s", res.Status, res.Header.Get("X-Sightline-Reason"))
	}
	if into != nil {
		_, err := io.CopyBuffer(into, res.Body, make([]byte, 256<<10))
		return "", err
	}
	b, err := io.ReadAll(res.Body)
	return string(b), err
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
