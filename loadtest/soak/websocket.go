package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/websocket"

	"github.com/sightline-mesh/sightline/loadtest/peers/pair"
)

// largest is the longest message that is sent.
const largest = 64 << 10

// websockets talks on so many WebSockets at once: messages of random sizes, each repeated
// by the app, a ping now and then; after some messages it is closed and another opened.
func (s *soak) websockets(ctx context.Context, n int, lasts time.Duration) error {
	if _, err := s.converse(ctx, time.Now()); err != nil {
		return fmt.Errorf("websocket: %w", err)
	}
	before, err := s.held(ctx)
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	var sockets, messages atomic.Int64
	var first atomic.Pointer[error]
	until := time.Now().Add(lasts)
	for range n {
		all.Go(func() {
			for ctx.Err() == nil && time.Now().Before(until) && first.Load() == nil {
				m, err := s.converse(ctx, until)
				sockets.Add(1)
				messages.Add(int64(m))
				if err != nil {
					first.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	all.Wait()
	after, err := s.settle(ctx, before)
	s.say("%d WebSockets, %d at once, with %d messages in %v: before %v; after %v", sockets.Load(), n, messages.Load(), lasts, before, after)
	if e := first.Load(); e != nil {
		err = errors.Join(err, fmt.Errorf("websocket: %w", *e))
	}
	return err
}

// converse is the life of one WebSocket.
func (s *soak) converse(ctx context.Context, until time.Time) (messages int, err error) {
	nc, err := new(net.Dialer).DialContext(ctx, "tcp", s.pair.Address.String())
	if err != nil {
		return 0, err
	}
	defer func() { _ = nc.Close() }()
	if err := nc.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return 0, err
	}
	at := &url.URL{Scheme: "ws", Host: pair.Host, Path: "/ws"}
	c, err := websocket.NewClient(&websocket.Config{
		Location: at, Origin: &url.URL{Scheme: "http", Host: pair.Host}, Version: websocket.ProtocolVersionHybi13,
	}, nc)
	if err != nil {
		return 0, fmt.Errorf("open: %w", err)
	}
	c.PayloadType = websocket.BinaryFrame
	sent, got := make([]byte, largest), make([]byte, largest)
	for total := 1 + mathrand.IntN(50); messages < total && (messages == 0 || time.Now().Before(until)); messages++ {
		if messages%7 == 6 {
			if err := ping(c); err != nil {
				return messages, fmt.Errorf("ping: %w", err)
			}
		}
		m := sent[:1+mathrand.IntN(mathrand.IntN(largest)+1)]
		if err := repeated(c, m, got[:len(m)]); err != nil {
			return messages, fmt.Errorf("message %d of %d bytes: %w", messages, len(m), err)
		}
	}
	return messages, c.Close()
}

// repeated sends a message and reads what comes back.
func repeated(c *websocket.Conn, m, got []byte) error {
	_, _ = rand.Read(m) // it never fails
	if _, err := c.Write(m); err != nil {
		return err
	}
	if _, err := io.ReadFull(c, got); err != nil {
		return err
	}
	if !bytes.Equal(m, got) {
		return errors.New("came back as another")
	}
	return nil
}

// ping sends one; the pong is read with the next message.
func ping(c *websocket.Conn) error {
	c.PayloadType = websocket.PingFrame
	_, err := c.Write([]byte("still there?"))
	c.PayloadType = websocket.BinaryFrame
	return err
}
