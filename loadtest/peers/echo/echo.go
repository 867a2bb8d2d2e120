// Package echo is the app of the comparison: it answers each HTTP/1.1 request with the
// request's body, at as little cost as it can.
package echo

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sightline-mesh/sightline/loadtest/peers/epoll"
	"github.com/sightline-mesh/sightline/loadtest/peers/framing"
)

// App is one listening app. It belongs to one goroutine.
type App struct {
	poller   *epoll.Poller
	listener int
	at       netip.AddrPort
	conns    map[int]*epoll.Conn
	answer   []byte
}

// Listen makes an app on a free loopback port. Connections wait until Serve.
func Listen() (*App, error) {
	p, err := epoll.New()
	if err != nil {
		return nil, err
	}
	l, at, err := epoll.Listen()
	if err == nil {
		err = p.Add(l)
	}
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return &App{poller: p, listener: l, at: at, conns: map[int]*epoll.Conn{}}, nil
}

// Address is where it listens.
func (a *App) Address() netip.AddrPort { return a.at }

// Serve answers until ctx ends, then closes everything.
func (a *App) Serve(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, a.close()) }()
	for ctx.Err() == nil {
		events, err := a.poller.Wait(100 * time.Millisecond)
		if err != nil {
			return err
		}
		for _, e := range events {
			if e.FD == a.listener {
				if err := a.accept(); err != nil {
					return err
				}
				continue
			}
			if c := a.conns[e.FD]; c != nil && a.handle(c, e) != nil {
				delete(a.conns, e.FD) // what a caller does wrong ends its own connection alone
				_ = c.Close()
			}
		}
	}
	return nil
}

func (a *App) accept() error {
	c, err := epoll.Accept(a.listener)
	if err != nil || c == nil {
		return err
	}
	a.conns[c.FD] = c
	return a.poller.Add(c.FD)
}

func (a *App) handle(c *epoll.Conn, e epoll.Event) error {
	if e.Writable {
		if err := c.Flush(a.poller); err != nil {
			return err
		}
	}
	if !e.Readable {
		return nil
	}
	if err := c.Fill(); err != nil {
		return err
	}
	for {
		m, err := framing.Parse(c.Unread())
		if err != nil {
			return err
		}
		if m.Size() == 0 {
			return nil
		}
		if err := c.Write(a.poller, a.echo(c.Unread()[m.Head:m.Size()])); err != nil {
			return err
		}
		c.Use(m.Size())
	}
}

// echo makes the answer; it is good until the next one.
func (a *App) echo(body []byte) []byte {
	b := append(a.answer[:0], "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nServer: echo\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(body)), 10)
	b = append(b, "\r\n\r\n"...)
	a.answer = append(b, body...)
	return a.answer
}

func (a *App) close() error {
	bad := []error{unix.Close(a.listener), a.poller.Close()}
	for _, c := range a.conns {
		bad = append(bad, c.Close())
	}
	if err := errors.Join(bad...); err != nil {
		return fmt.Errorf("close app: %w", err)
	}
	return nil
}
