// Package ui serves Sightline's web app and API over HTTP: it opens the listener,
// keeps the sign-in secrets and stops in order. What is served is in ui/api, what is
// shown in ui/web.
package ui

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sightline-mesh/sightline/ui/api"
	"github.com/sightline-mesh/sightline/ui/session"
	"github.com/sightline-mesh/sightline/ui/web"
)

// Config is what a person may set.
type Config struct {
	// Listen is the address to serve on, 127.0.0.1:8080 when empty. Port 0 takes a free one.
	Listen string
	// Dir holds the API token of local programs; it is made when missing.
	Dir string
	// Anonymous is the role of requests that bring no credentials. The default is none.
	Anonymous session.Role
}

// Deps is what the UI shows and acts on. The UI fills in Sessions and App where they
// are not set.
type Deps = api.Deps

// UI is the server of the web app and the API.
type UI struct {
	listener net.Listener
	sessions *session.Keeper
	api      *api.API
	link     string
}

// New opens the listener and the sign-in secrets. It serves nothing before Run; a UI
// that is never run has to be closed.
func New(ctx context.Context, c Config, d Deps) (*UI, error) {
	if c.Listen == "" {
		c.Listen = "127.0.0.1:8080"
	}
	var err error
	if d.Sessions == nil {
		if d.Sessions, err = session.Open(session.Config{Dir: c.Dir, Anonymous: c.Anonymous, Now: d.Now}); err != nil {
			return nil, err
		}
	}
	if d.App == nil {
		d.App = web.App()
	}
	a, err := api.New(d) //nolint:contextcheck // its handlers have the context of their requests
	if err != nil {
		return nil, err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return nil, fmt.Errorf("open UI: %w", err)
	}
	return &UI{listener: l, sessions: d.Sessions, api: a, link: d.Sessions.Link()}, nil
}

// URL is where the UI is served: "http://127.0.0.1:8080".
func (u *UI) URL() string {
	a, err := netip.ParseAddrPort(u.listener.Addr().String())
	if err == nil && a.Addr().IsUnspecified() {
		// Served on every address: the loopback one is the one that is sure to work here.
		return fmt.Sprintf("http://127.0.0.1:%d", a.Port())
	}
	return "http://" + u.listener.Addr().String()
}

// SignInLink is a link that signs one browser in, once, as an administrator. Its
// secret is in the fragment, which browsers do not send. To be shown to the person
// who started the program and to nobody else.
func (u *UI) SignInLink() string { return u.URL() + "/signin#token=" + u.link }

// Role is what the value of an Authorization header may do, for protocols that are not
// served here. No header is a request without credentials.
func (u *UI) Role(authorization string) session.Role {
	r := &http.Request{Header: http.Header{}}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	user, _ := u.sessions.User(r)
	return user.Role
}

// Close gives the listener back. Run does it too.
func (u *UI) Close() error {
	if err := u.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close UI: %w", err)
	}
	return nil
}

// Run serves until ctx ends, then finishes the requests in flight, for at most five
// seconds.
func (u *UI) Run(ctx context.Context) error {
	srv := &http.Server{
		Handler:           u.api.Handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second, // live streams set a deadline of their own for each write
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
	g, alive := errgroup.WithContext(ctx)
	g.Go(func() error { return u.api.Run(alive) }) // at its end the live streams end, so that Shutdown need not wait for them
	g.Go(func() error {
		if err := srv.Serve(u.listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve UI: %w", err)
		}
		return nil
	})
	g.Go(func() error {
		<-alive.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if err := srv.Shutdown(grace); err != nil {
			return errors.Join(fmt.Errorf("stop UI: %w", err), srv.Close())
		}
		return nil
	})
	return g.Wait()
}
