package emit

import (
	"context"
	"io"
	"net"
)

// dialer is what makes connections for an http.Transport.
type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// dial has bodies copied to the connections of d through memory that stays with them. The
// standard library allocates 32 KiB for each body, which would be most of the garbage
// that a sidecar makes.
func dial(d dialer) dialer {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, sendTimeout)
		defer cancel()
		c, err := d(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &bodyConn{Conn: c}, nil
	}
}

// bodyConn is a connection that one goroutine at a time writes to.
type bodyConn struct {
	net.Conn

	buf [16 << 10]byte // one TLS record
}

// ReadFrom implements io.ReaderFrom.
func (c *bodyConn) ReadFrom(r io.Reader) (n int64, err error) {
	for {
		read, end := r.Read(c.buf[:])
		if read > 0 {
			written, err := c.Write(c.buf[:read])
			n += int64(written)
			if err != nil {
				return n, err
			}
		}
		switch end {
		case nil:
		case io.EOF:
			return n, nil
		default:
			return n, end
		}
	}
}
