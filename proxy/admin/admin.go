package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"time"
)

// Deps are what the page shows. All functions may be called at any time and must not
// block for long.
type Deps struct {
	Ready    func() error // nil when requests can be carried, else what is missing
	Metrics  func() []Family
	Config   func() any // the table in force
	Breakers func() any // the state of every breaker, and why
	Drain    func()     // begin to drain; called at most once
	Profiles bool       // serve pprof
}

// Server serves the page.
type Server struct {
	deps    Deps
	drained chan struct{}
}

// New makes a server. It listens to nothing before Serve.
func New(d Deps) *Server { return &Server{deps: d, drained: make(chan struct{}, 1)} }

// Handler is the page.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", s.ready)
	mux.HandleFunc("GET /metrics", s.metrics)
	mux.HandleFunc("GET /config", asJSON(s.deps.Config))
	mux.HandleFunc("GET /breakers", asJSON(s.deps.Breakers))
	mux.HandleFunc("POST /drain", s.drain)
	if s.deps.Profiles {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	}
	return mux
}

// Serve serves on l until ctx ends.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler: s.Handler(), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
	}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve admin page: %w", err)
	}
	return nil
}

func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	if err := s.deps.Ready(); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	_, _ = w.Write([]byte("ready\n"))
}

func (s *Server) metrics(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, _ = w.Write(encode(s.deps.Metrics()))
}

func (s *Server) drain(w http.ResponseWriter, _ *http.Request) {
	select {
	case s.drained <- struct{}{}:
		s.deps.Drain()
	default: // it drains already
	}
	w.WriteHeader(http.StatusAccepted)
}

func asJSON(get func() any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		b, err := json.MarshalIndent(get(), "", "  ")
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(append(b, '\n'))
	}
}
