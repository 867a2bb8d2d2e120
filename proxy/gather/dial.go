package gather

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
)

// DialTLS connects to addr over TCP, with a [*tls.Conn] on a [Conn]. It returns when the
// handshake is done or ctx ends.
func DialTLS(ctx context.Context, d *net.Dialer, addr string, cfg *tls.Config) (net.Conn, error) {
	nc, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	t := tls.Client(New(nc), cfg)
	if err := t.HandshakeContext(ctx); err != nil {
		nc.Close() // the handshake may have done so when ctx ended
		return nil, fmt.Errorf("tls handshake with %s: %w", addr, err)
	}
	return t, nil
}
