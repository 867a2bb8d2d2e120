package controlplane

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"sync"
	"time"

	"connectrpc.com/connect"

	"github.com/sightline-mesh/sightline/controlplane/identity"
)

// caller is who made a call, as the handshake proved.
type caller struct {
	certificate *x509.Certificate // nil without one
	chain       []*x509.Certificate
	interrupt   func() // makes reads of the call's body fail
}

type callerKey struct{}

// withCaller puts the caller into each call's context. One that refuse has an error for
// is turned away, and its connection ends: it may have been let in before its certificate was
// revoked, ran out or lost its root. The status 421 tells it to come again on another one.
func withCaller(refuse func(chain []*x509.Certificate) error, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i := &interrupter{control: http.NewResponseController(w)}
		defer i.end()
		c := caller{interrupt: i.interrupt}
		if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
			c.chain = r.TLS.PeerCertificates
			c.certificate = c.chain[0]
			if err := refuse(c.chain); err != nil {
				status := http.StatusMisdirectedRequest
				if errors.Is(err, identity.ErrRevoked) {
					status = http.StatusForbidden
				}
				w.Header().Set("Connection", "close") // of HTTP/2 too
				http.Error(w, err.Error(), status)
				return
			}
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, c)))
	})
}

// whileTrusted ends a call's context when its caller would not be let in any more.
func (p *plane) whileTrusted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(r.Context())
		var watch sync.WaitGroup
		defer watch.Wait()
		defer cancel()
		watch.Go(func() {
			defer cancel()
			_ = untilUnfit(ctx, p.authority, p.cfg.Drain) // the end says it
		})
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// interrupter makes reads of a call's body fail, for as long as the call lasts: its
// response writer must not be touched once the handler has returned.
type interrupter struct {
	control *http.ResponseController

	mu   sync.Mutex
	over bool
}

func (i *interrupter) interrupt() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.over {
		_ = i.control.SetReadDeadline(time.Unix(1, 0)) // a connection that is gone needs none
	}
}

func (i *interrupter) end() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.over = true
}

func callerOf(ctx context.Context) caller {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c
}

// workloadOf is who called, or the error that tells them to come with a certificate.
func workloadOf(ctx context.Context) (identity.Workload, *x509.Certificate, error) {
	c := callerOf(ctx)
	if c.certificate == nil {
		return identity.Workload{}, nil, connect.NewError(connect.CodeUnauthenticated, errors.New("a mesh certificate is needed"))
	}
	w, err := identity.WorkloadOf(c.certificate)
	if err != nil {
		return identity.Workload{}, nil, connect.NewError(connect.CodePermissionDenied, err)
	}
	return w, c.certificate, nil
}
