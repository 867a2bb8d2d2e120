// Package gate stands in front of the collector's OTLP ports. One port takes both
// kinds of client: the first byte tells TLS from anything else. TLS must present a
// certificate of the mesh; plaintext is taken from loopback only, where an app's own
// SDK sends it. What passes is handed on, byte by byte, to a receiver that no one else
// can reach.
package gate

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Config bounds what strangers can make a gate do. A zero field means its default.
type Config struct {
	// Connections is how many may be open at once; more are closed. Default 1024.
	Connections int
	// Handshake is how long a client may take to its first byte and through TLS.
	// Default 5 s.
	Handshake time.Duration
	// Drain is how long open connections may go on once Serve's context ended.
	// Default 5 s.
	Drain time.Duration
}

// Deps is what a Gate uses of its surroundings.
type Deps struct {
	// TLS requires and verifies a certificate of the mesh and offers the receiver's
	// protocol. Its callbacks see every handshake, so certificates rotate live. Nil
	// refuses TLS, which leaves plaintext from loopback.
	TLS *tls.Config
	// Proved, if set, is told of each connection whose client has proved who it is, and may
	// end it at any time by its NetConn.
	Proved func(*tls.Conn)
	// Dial connects to the receiver, for a client that has proved who it is, or for nil, one
	// in plaintext.
	Dial func(ctx context.Context, client *tls.Conn) (net.Conn, error)
	// Logger is told of refusals, at debug level. Nil discards.
	Logger *slog.Logger
}

// Stats counts connections since the start.
type Stats struct {
	TLS, Plaintext   uint64 // passed
	RefusedPlaintext uint64 // plaintext from elsewhere than loopback
	RefusedTLS       uint64 // no certificate of the mesh, or no handshake in time
	RefusedFull      uint64 // over Config.Connections
	Unreachable      uint64 // the receiver did not answer
}

// Gate lets connections through to one receiver.
type Gate struct {
	config Config
	deps   Deps
	slots  chan struct{} // one element for each open connection

	tls, plaintext, refusedPlaintext, refusedTLS, refusedFull, unreachable atomic.Uint64
}

// The reasons for which a connection is not let through.
var (
	errPlaintext = errors.New("plaintext from elsewhere than loopback")
	errNoTLS     = errors.New("no certificate to speak TLS with")
	errNoPeer    = errors.New("no client certificate")
)

// New makes a Gate; Serve opens it.
func New(c Config, d Deps) *Gate {
	if c.Connections == 0 {
		c.Connections = 1024
	}
	if c.Handshake == 0 {
		c.Handshake = 5 * time.Second
	}
	if c.Drain == 0 {
		c.Drain = 5 * time.Second
	}
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	return &Gate{config: c, deps: d, slots: make(chan struct{}, c.Connections)}
}

// Stats counts what came to the gate.
func (g *Gate) Stats() Stats {
	return Stats{
		TLS: g.tls.Load(), Plaintext: g.plaintext.Load(),
		RefusedPlaintext: g.refusedPlaintext.Load(), RefusedTLS: g.refusedTLS.Load(),
		RefusedFull: g.refusedFull.Load(), Unreachable: g.unreachable.Load(),
	}
}

// Serve lets connections of l through until ctx ends or l fails; it closes l. Open
// connections then have Config.Drain to end, which they do when the receiver ends.
func (g *Gate) Serve(ctx context.Context, l net.Listener) error {
	// Connections outlive ctx by the drain.
	passing, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	defer l.Close()
	var open sync.WaitGroup
	err := g.accept(ctx, l, func(c net.Conn) { open.Go(func() { g.handle(passing, c) }) })
	timer := time.AfterFunc(g.config.Drain, cut)
	defer timer.Stop()
	open.Wait()
	return err
}

func (g *Gate) accept(ctx context.Context, l net.Listener, handle func(net.Conn)) error {
	for {
		c, err := l.Accept()
		if ctx.Err() != nil {
			if err == nil {
				c.Close()
			}
			return nil
		}
		if err != nil {
			if !temporary(err) {
				return fmt.Errorf("accept telemetry on %s: %w", l.Addr(), err)
			}
			select { // out of file descriptors: give connections time to end
			case <-ctx.Done():
			case <-time.After(50 * time.Millisecond):
			}
			continue
		}
		select {
		case g.slots <- struct{}{}:
			handle(c)
		default:
			g.refusedFull.Add(1)
			c.Close()
		}
	}
}

// handle serves one connection to its end.
func (g *Gate) handle(ctx context.Context, c net.Conn) {
	defer func() { <-g.slots }()
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	client, err := g.admit(ctx, c)
	if err != nil {
		g.deps.Logger.Debug("refused a telemetry client", "peer", c.RemoteAddr(), "error", err)
		return
	}
	proved, _ := client.(*tls.Conn)
	receiver, err := g.deps.Dial(ctx, proved)
	if err != nil {
		g.unreachable.Add(1)
		g.deps.Logger.Debug("no receiver for a telemetry client", "error", err)
		return
	}
	defer receiver.Close()
	stopReceiver := context.AfterFunc(ctx, func() { receiver.Close() })
	defer stopReceiver()
	splice(client, receiver)
}

// admit decides by the first byte and returns the connection to read and write
// plaintext on.
func (g *Gate) admit(ctx context.Context, c net.Conn) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, g.config.Handshake)
	defer cancel()
	deadline, _ := ctx.Deadline()
	if err := c.SetDeadline(deadline); err != nil {
		return nil, fmt.Errorf("set a deadline: %w", err)
	}
	p, err := peek(c)
	if err != nil {
		return nil, err
	}
	var admitted net.Conn = p
	if p.first == tlsHandshake {
		if admitted, err = g.secure(ctx, p); err != nil {
			g.refusedTLS.Add(1)
			return nil, err
		}
		g.tls.Add(1)
	} else {
		if !loopback(c.RemoteAddr()) {
			g.refusedPlaintext.Add(1)
			return nil, errPlaintext
		}
		g.plaintext.Add(1)
	}
	if err := c.SetDeadline(time.Time{}); err != nil {
		return nil, fmt.Errorf("lift the deadline: %w", err)
	}
	return admitted, nil
}

func (g *Gate) secure(ctx context.Context, c net.Conn) (*tls.Conn, error) {
	if g.deps.TLS == nil {
		return nil, errNoTLS
	}
	t := tls.Server(c, g.deps.TLS)
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("shake hands: %w", err)
	}
	// Not left to the configuration alone: a gate that lets strangers in looks just
	// like one that does not.
	if len(t.ConnectionState().PeerCertificates) == 0 {
		return nil, errNoPeer
	}
	if g.deps.Proved != nil {
		g.deps.Proved(t)
	}
	return t, nil
}
