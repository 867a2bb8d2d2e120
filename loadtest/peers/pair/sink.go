package pair

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// sink takes telemetry as the collector does, over the same mutual TLS, and forgets
// it: collector and store would share the two cores with the pair, and what they cost
// is measured elsewhere.
type sink struct {
	address netip.AddrPort
	server  *http.Server
	ended   chan error
}

func startSink(ctx context.Context, conf *tls.Config) (*sink, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start sink: %w", err)
	}
	s := &sink{address: l.Addr().(*net.TCPAddr).AddrPort(), ended: make(chan error, 1)}
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

func (s *sink) stop() error {
	err := s.server.Close()
	if served := <-s.ended; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	if err != nil {
		return fmt.Errorf("stop sink: %w", err)
	}
	return nil
}
