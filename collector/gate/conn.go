package gate

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
)

// tlsHandshake is the first byte of every TLS connection, and of neither HTTP/1.1 nor
// HTTP/2.
const tlsHandshake = 0x16

// peeked is a connection whose first byte was read and is given out again.
type peeked struct {
	net.Conn
	first byte
	given bool
}

// peek waits for the first byte of c.
func peek(c net.Conn) (*peeked, error) {
	var b [1]byte
	if _, err := io.ReadFull(c, b[:]); err != nil {
		return nil, fmt.Errorf("read the first byte: %w", err)
	}
	return &peeked{Conn: c, first: b[0]}, nil
}

// Read implements net.Conn.
func (p *peeked) Read(b []byte) (int, error) {
	if p.given || len(b) == 0 {
		return p.Conn.Read(b)
	}
	p.given = true
	b[0] = p.first
	return 1, nil
}

// closeWriter is a connection that can be closed for one direction.
type closeWriter interface{ CloseWrite() error }

// CloseWrite passes the end of one direction on, if the connection below can.
func (p *peeked) CloseWrite() error {
	if c, ok := p.Conn.(closeWriter); ok {
		return c.CloseWrite()
	}
	return p.Close()
}

// splice copies both ways until both directions have ended.
func splice(a, b net.Conn) {
	var both sync.WaitGroup
	both.Go(func() { copyAll(a, b) })
	both.Go(func() { copyAll(b, a) })
	both.Wait()
}

// copyAll copies from src to dst and passes on how that ended: the end of src as the
// end of that direction, and a failure as the end of both.
func copyAll(dst, src net.Conn) {
	_, err := io.Copy(dst, src)
	if c, ok := dst.(closeWriter); ok && err == nil && c.CloseWrite() == nil {
		return
	}
	dst.Close()
	src.Close()
}

func loopback(a net.Addr) bool {
	if _, ok := a.(*net.UnixAddr); ok {
		return true
	}
	ap, err := netip.ParseAddrPort(a.String())
	return err == nil && ap.Addr().Unmap().IsLoopback()
}

// temporary reports whether accepting may work again later.
func temporary(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) ||
		errors.Is(err, syscall.ECONNABORTED)
}
