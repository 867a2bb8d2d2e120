package drive

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/sightline-mesh/sightline/loadtest/peers/framing"
)

// Held are connections that lie idle. Its methods are for one goroutine.
type Held struct {
	conns []net.Conn
	r     *request
	body  int
}

// Hold opens the plan's connections, has one request answered on each, one after the
// other, and keeps them open, idle, until Close.
func Hold(ctx context.Context, p Plan) (*Held, error) {
	p.For = time.Second // not used
	if err := p.Validate(); err != nil {
		return nil, fmt.Errorf("hold: %w", err)
	}
	h := &Held{r: newRequest(p), body: p.Body}
	for range p.Connections {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", p.Address.String())
		if err != nil {
			return nil, errors.Join(fmt.Errorf("hold: %w", err), h.Close())
		}
		h.conns = append(h.conns, c)
		if err := ask(c, h.r.next(), p.Body); err != nil {
			return nil, errors.Join(fmt.Errorf("hold connection %d of %d: %w", len(h.conns), p.Connections, err), h.Close())
		}
	}
	return h, nil
}

// Ask has a request answered on each connection, one after the other: it fails when one
// no longer lives.
func (h *Held) Ask() error {
	for i, c := range h.conns {
		if err := ask(c, h.r.next(), h.body); err != nil {
			return fmt.Errorf("ask on connection %d of %d that were held: %w", i+1, len(h.conns), err)
		}
	}
	return nil
}

// Close closes the connections.
func (h *Held) Close() error {
	var bad []error
	for _, c := range h.conns {
		bad = append(bad, c.Close())
	}
	return errors.Join(bad...)
}

// ask has one request answered.
func ask(c net.Conn, request []byte, body int) error {
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := c.Write(request); err != nil {
		return err
	}
	in := make([]byte, len(request)+4<<10)
	for n := 0; ; {
		m, err := c.Read(in[n:])
		if err != nil {
			return err
		}
		n += m
		answer, err := framing.Parse(in[:n])
		switch {
		case err != nil:
			return err
		case answer.Size() == 0 && n == len(in):
			return errors.New("answer longer than the request allows")
		case answer.Size() == 0:
			continue
		case framing.Status(in) != 200:
			return fmt.Errorf("status %d", framing.Status(in))
		case answer.Body != body:
			return fmt.Errorf("body of %d bytes, want %d", answer.Body, body)
		}
		return nil
	}
}
