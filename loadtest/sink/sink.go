// Package sink takes telemetry in the collector's place, over the same mutual TLS, and
// forgets it: for loads that are to measure or shake sidecars, and not the store.
package sink

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Sink is one that listens.
type Sink struct {
	address string
	server  *http.Server
	ended   chan error
}

// Start listens at an address, with port 0 at a free one, until Stop; ctx bounds only
// the start.
func Start(ctx context.Context, address string, conf *tls.Config) (*Sink, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("start sink: %w", err)
	}
	s := &Sink{address: l.Addr().String(), ended: make(chan error, 1)}
	s.server = &http.Server{
		TLSConfig: conf, ReadHeaderTimeout: 10 * time.Second,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // of sidecars that end
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			// An empty answer says, in OTLP, that all was taken.
			w.Header().Set("Content-Type", "application/x-protobuf")
		}),
	}
	go func() { s.ended <- s.server.ServeTLS(l, "", "") }()
	return s, nil
}

// Address is where it listens, host:port.
func (s *Sink) Address() string { return s.address }

// Stop closes it with all its connections. Call it once.
func (s *Sink) Stop() error {
	err := s.server.Close()
	if served := <-s.ended; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	if err != nil {
		return fmt.Errorf("stop sink: %w", err)
	}
	return nil
}
