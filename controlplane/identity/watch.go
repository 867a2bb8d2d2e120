package identity

import (
	"crypto/tls"
	"crypto/x509"
	"runtime"
	"sync"
	"weak"
)

// watched are the connections whose peers are looked at again when certificates are
// revoked. It keeps none of them alive, and nobody has to say when one ends.
type watched struct {
	mu   sync.Mutex
	next uint64
	all  map[uint64]peering
}

// peering is a connection with the certificate of its other end.
type peering struct {
	conn weak.Pointer[tls.Conn]
	leaf *x509.Certificate
}

// Watch ends c should its peer's certificate be revoked. Call it when the handshake is
// done; it costs nothing after that.
func (s *Source) Watch(c *tls.Conn) {
	chain := c.ConnectionState().PeerCertificates
	if len(chain) == 0 {
		return
	}
	s.watch.add(c, chain[0])
	if s.trust.Load().revoked.Check(chain[0]) != nil { // since the handshake
		_ = c.NetConn().Close()
	}
}

func (w *watched) add(c *tls.Conn, leaf *x509.Certificate) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil {
		w.all = map[uint64]peering{}
	}
	w.next++
	w.all[w.next] = peering{weak.Make(c), leaf}
	runtime.AddCleanup(c, w.remove, w.next)
}

func (w *watched) remove(id uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.all, id)
}

// end closes the connections of revoked peers, below TLS: nothing that they said last is
// waited for.
func (w *watched) end(r *Revocations) {
	if r.Len() == 0 {
		return
	}
	w.mu.Lock()
	var gone []*tls.Conn
	for _, p := range w.all {
		if r.Check(p.leaf) == nil {
			continue
		}
		if c := p.conn.Value(); c != nil {
			gone = append(gone, c)
		}
	}
	w.mu.Unlock()
	for _, c := range gone {
		_ = c.NetConn().Close() // it may have ended by itself
	}
}
