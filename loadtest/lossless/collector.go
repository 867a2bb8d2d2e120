package main

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

// collector takes telemetry as the mesh's does, over the same mutual TLS, and forgets
// it. It can go away and come back.
type collector struct {
	address string
	tls     *tls.Config
	server  *http.Server
	ended   chan error
}

func (c *collector) start(ctx context.Context) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", c.address)
	if err != nil {
		return fmt.Errorf("start collector: %w", err)
	}
	c.ended = make(chan error, 1)
	c.server = &http.Server{
		TLSConfig: c.tls, ReadHeaderTimeout: 10 * time.Second,
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
	go func() { c.ended <- c.server.ServeTLS(l, "", "") }()
	return nil
}

func (c *collector) stop() error {
	err := c.server.Close()
	if served := <-c.ended; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	if err != nil {
		return fmt.Errorf("stop collector: %w", err)
	}
	return nil
}
