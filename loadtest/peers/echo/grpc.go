package echo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// GRPC is the app as a service of gRPC: it answers each unary call with the message
// it came with, over HTTP/2 with prior knowledge.
type GRPC struct{ listener net.Listener }

// ListenGRPC makes an app on a free loopback port. Connections wait until Serve.
func ListenGRPC() (*GRPC, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it waits for nothing
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return &GRPC{l}, nil
}

// Address is where it listens.
func (g *GRPC) Address() netip.AddrPort { return g.listener.Addr().(*net.TCPAddr).AddrPort() }

// Serve answers until ctx ends, then closes everything.
func (g *GRPC) Serve(ctx context.Context) error {
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(answerCall)}
	server.Protocols = new(http.Protocols)
	server.Protocols.SetUnencryptedHTTP2(true)
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(g.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func answerCall(w http.ResponseWriter, r *http.Request) {
	message, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return // the caller has gone
	}
	h := w.Header()
	h.Set("Content-Type", "application/grpc")
	h.Set("Trailer", "Grpc-Status")
	_, _ = w.Write(message)
	h.Set("Grpc-Status", "0")
}
