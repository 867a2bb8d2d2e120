package serve

import (
	"errors"

	"github.com/sightline-mesh/sightline/collector/signal"
	"github.com/sightline-mesh/sightline/proxy/listen"
)

// connect serves a CONNECT request: it opens a stream of bytes to the service that its
// authority names, whatever the port. It is how clients reach a service for whom the
// sidecar is a proxy of HTTPS.
func (h *h1) connect() {
	defer h.cfg.streams.begin()()
	x := &h.x
	x.stream, x.rec.Protocol = true, signal.TCP
	// Clients ask for it in order to speak TLS with who they mean.
	x.via = &byteStream{conn: h.nc, client: connectClient{h}, early: h.in.Buffered(), idle: h.cfg.streamIdle, tls: true}
	h.cfg.handle(x) //nolint:errcheck // refuse has seen to it
	x.via = h
}

// connectClient is a client that has sent CONNECT.
type connectClient struct{ h *h1 }

func (c connectClient) begin() error {
	h := c.h
	h.begun, h.closing, h.clean = true, true, false
	h.conn.Enter(listen.Unwatched)
	// A 2xx to CONNECT has no body, and no field that tells of one (RFC 9110, 9.3.6).
	_, err := h.nc.Write([]byte("HTTP/1.1 200 OK\r\n\r\n"))
	return errors.Join(h.out.Flush(), err)
}

func (c connectClient) deny(f fault) { c.h.refuse(&c.h.x, f) }
