// Package http2 is the sidecar's HTTP/2: a server for connections that were
// accepted and told apart elsewhere, and a client that keeps a few connections to
// one instance. Both speak it over whatever connection they are given, TLS or not.
//
// Today framing and streams are golang.org/x/net/http2's, and requests pass as
// net/http values. The seam is kept narrow, one handler on the one side and
// RoundTrip on the other, because frames are to be forwarded one by one later.
//
//nolint:staticcheck // x/net, not net/http, takes connections that were accepted or dialled elsewhere
package http2

import (
	"context"
	"fmt"
	"net"
	"net/http"

	"golang.org/x/net/http2"
)

// The limits of a connection from a client. Windows follow what gateways are
// hardened with; a stream's bounds what one slow reader makes the sidecar hold.
const (
	maxStreams       = 1000
	streamWindow     = 256 << 10
	connectionWindow = 1 << 20
	maxHeaderBytes   = 64 << 10
)

// Server serves accepted connections.
type Server struct {
	h1 *http.Server // carries the shutdown hooks
	h2 *http2.Server
}

// NewServer makes a server.
func NewServer() (*Server, error) {
	s := &Server{
		h1: &http.Server{MaxHeaderBytes: maxHeaderBytes}, //nolint:gosec // it never serves; timeouts are the listener's
		h2: &http2.Server{
			MaxConcurrentStreams:         maxStreams,
			MaxUploadBufferPerConnection: connectionWindow,
			MaxUploadBufferPerStream:     streamWindow,
		},
	}
	if err := http2.ConfigureServer(s.h1, s.h2); err != nil {
		return nil, fmt.Errorf("configure http/2 server: %w", err)
	}
	return s, nil
}

// Serve serves one connection until it ends. Each request is given to h in its own
// goroutine; all have returned before Serve does.
func (s *Server) Serve(ctx context.Context, c net.Conn, h http.Handler) {
	s.h2.ServeConn(c, &http2.ServeConnOpts{Context: ctx, BaseConfig: s.h1, Handler: h})
}

// Drain tells the clients of all connections, by GOAWAY, to send no more requests.
// Connections end when their last one is answered. It does not wait for that.
func (s *Server) Drain(ctx context.Context) {
	s.h1.Shutdown(ctx) //nolint:errcheck // it has no listeners to close; only its hooks matter
}
