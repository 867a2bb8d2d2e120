package identity

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"time"
	"weak"

	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
)

// longestHandshake is how long after its verification a connection may come to be watched.
const longestHandshake = time.Minute

// watched are the connections whose peers are looked at again when certificates are
// revoked or a root goes. It keeps none of them alive, and nobody has to say when one ends.
type watched struct {
	mu   sync.Mutex
	next uint64
	all  map[uint64]peering
}

// peering is a connection with the certificates of its other end.
type peering struct {
	conn  weak.Pointer[tls.Conn]
	chain []*x509.Certificate
}

// Watch ends c should its peer's certificate be revoked; and should the root above it not
// be trusted any more, it has it end as Config.Retired says. Call it when the handshake is
// done and c is where Config.Retired finds it; it costs nothing after that.
func (s *Source) Watch(c *tls.Conn) {
	chain := c.ConnectionState().PeerCertificates
	if len(chain) == 0 {
		return
	}
	s.watch.add(c, chain)
	switch { // since the handshake
	case s.trust.Load().revoked.Check(chain[0]) != nil:
		_ = c.NetConn().Close()
	case time.Since(time.Unix(0, s.rootGone.Load())) < longestHandshake && Stands(chain, s.bundle) != nil:
		signal(s.retiring)
	}
}

// retire has connections end whose root is gone, until ctx ends: in order, and those that
// go on for longer than the drain time in any case.
func (s *Source) retire(ctx context.Context) {
	stands := func(chain []*x509.Certificate) error { return Stands(chain, s.bundle) }
	var late <-chan time.Time
	for {
		select {
		case <-s.retiring:
			if s.cfg.Retired != nil {
				s.cfg.Retired(s.watch.failing(stands))
			}
			late = time.After(time.Until(time.Unix(0, s.rootGone.Load()).Add(s.cfg.Drain)))
		case <-late:
			s.watch.end(stands)
		case <-ctx.Done():
			return
		}
	}
}

// Stands is an error for the chain of a connection that stands if it does not end in one
// of the roots of the moment. That it has expired since the handshake is no reason to end
// a connection.
func Stands(chain []*x509.Certificate, roots x509bundle.Source) error {
	at := time.Now()
	for _, c := range chain {
		if c.NotAfter.Before(at) {
			at = c.NotAfter
		}
	}
	if _, _, err := x509svid.Verify(chain, roots, x509svid.WithTime(at)); err != nil {
		return fmt.Errorf("verify peer: %w", err)
	}
	return nil
}

func (w *watched) add(c *tls.Conn, chain []*x509.Certificate) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil {
		w.all = map[uint64]peering{}
	}
	w.next++
	w.all[w.next] = peering{weak.Make(c), chain}
	runtime.AddCleanup(c, w.remove, w.next)
}

func (w *watched) remove(id uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.all, id)
}

// failing are the connections of peers that check has an error for. New ones do not wait
// meanwhile.
func (w *watched) failing(check func(chain []*x509.Certificate) error) []*tls.Conn {
	w.mu.Lock()
	all := slices.Collect(maps.Values(w.all))
	w.mu.Unlock()
	var out []*tls.Conn
	for _, p := range all {
		if check(p.chain) == nil {
			continue
		}
		if c := p.conn.Value(); c != nil {
			out = append(out, c)
		}
	}
	return out
}

// end closes the connections of peers that check has an error for, below TLS: nothing
// that they said last is waited for.
func (w *watched) end(check func(chain []*x509.Certificate) error) {
	for _, c := range w.failing(check) {
		_ = c.NetConn().Close() // it may have ended by itself
	}
}
