package shop

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Config says which member of the shop a process is.
type Config struct {
	Service string // one of Members
	Version string
	Listen  string // address of the app itself, behind its sidecar: "127.0.0.1:8080"
	// Outbound is the sidecar's outbound listener, for gRPC: "127.0.0.1:15001".
	// HTTP goes through http_proxy.
	Outbound string
}

// faultPath is where the demo tells a member to misbehave. It is reached on the
// app's own port, not through the mesh.
const faultPath = "/_fault"

// servedPath is where a member says how many requests it has had.
const servedPath = "/_served"

// Run serves one member of the shop until ctx ends.
func Run(ctx context.Context, c Config) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listen for %s: %w", c.Service, err)
	}
	h, done, err := c.handler()
	if err != nil {
		return errors.Join(err, l.Close())
	}
	defer done()
	srv := newServer(h)
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve %s: %w", c.Service, err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return srv.Shutdown(grace)
}

// newServer speaks HTTP/1.1, and HTTP/2 without TLS for gRPC: the sidecar does TLS.
func newServer(h http.Handler) *http.Server {
	p := &http.Protocols{}
	p.SetHTTP1(true)
	p.SetUnencryptedHTTP2(true)
	return &http.Server{Handler: h, Protocols: p, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
}

// handler builds the member's handler and a function that ends what it holds open.
func (c Config) handler() (http.Handler, func(), error) {
	f := &fault{}
	calls := newCaller()
	mux := http.NewServeMux()
	mux.Handle("POST "+faultPath, f)
	mux.HandleFunc("GET "+servedPath, f.count)
	closeAll := func() {}
	switch c.Service {
	case "ratings":
		mux.Handle("/", f.around(ratingsServer()))
		return mux, closeAll, nil
	case "reviews":
		stars, done, err := c.starsSource()
		if err != nil {
			return nil, nil, err
		}
		closeAll = done
		mux.Handle("/", f.around(reviews(stars)))
	default:
		build, ok := leafs()[c.Service]
		if !ok {
			return nil, nil, fmt.Errorf("shop has no service %q", c.Service)
		}
		mux.Handle("/", f.around(build(c, calls)))
	}
	return mux, closeAll, nil
}
