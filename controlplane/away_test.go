package controlplane

import (
	"context"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"
)

// cable carries connections to an address, until it is cut: then what is sent is lost, and
// nobody is told.
type cable struct {
	listener net.Listener
	to       string

	mu   sync.Mutex // guards what follows
	open chan struct{}
	all  []net.Conn
}

func newCable(t *testing.T, to string) *cable {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &cable{listener: l, to: to, open: make(chan struct{})}
	close(w.open)
	var carried sync.WaitGroup
	carried.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			carried.Go(func() { w.carry(&carried, c) })
		}
	})
	t.Cleanup(func() {
		w.mend()
		_ = l.Close()
		w.mu.Lock()
		for _, c := range w.all {
			_ = c.Close()
		}
		w.mu.Unlock()
		carried.Wait()
	})
	return w
}

func (w *cable) carry(carried *sync.WaitGroup, from net.Conn) {
	<-w.passes()
	to, err := net.Dial("tcp", w.to)
	if err != nil {
		_ = from.Close()
		return
	}
	w.mu.Lock()
	w.all = append(w.all, from, to)
	w.mu.Unlock()
	carried.Go(func() { w.copy(from, to) })
	w.copy(to, from)
}

func (w *cable) copy(to, from net.Conn) {
	defer to.Close()
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		<-w.passes()
		if n > 0 {
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (w *cable) passes() chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.open
}

func (w *cable) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open = make(chan struct{})
}

func (w *cable) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.open:
	default:
		close(w.open)
	}
}

// cabled is a fleet of which each has a cable of its own to the etcd.
func cabled(t *testing.T) (fleet []*plant, cables []*cable) {
	t.Helper()
	at, err := url.Parse(etcd(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"cp-a", "cp-b"} {
		w := newCable(t, at.Host)
		fleet = append(fleet, newPlant(t, func(c *Config) {
			c.EtcdEndpoints, c.Name, c.CAPassphrase = []string{"http://" + w.listener.Addr().String()}, name, "of all of them"
		}))
		cables = append(cables, w)
	}
	return fleet, cables
}

// feed is since when a sidecar has its stream.
func (s *sidecar) feed() (connected bool, since time.Time) {
	st := s.Status()
	return st.Connected, st.Since
}

// A control plane that does not reach the store any more sends its sidecars away at once,
// and answers calls: with nothing rather than late.
func TestAControlPlaneAwayFromItsStoreIsLeft(t *testing.T) {
	t.Parallel()
	fleet, cables := cabled(t)
	token := fleet[0].token(fleet[0].admin())
	both := plant{t: t, address: fleet[0].address + "," + fleet[1].address}
	web := both.sidecar(token, workload("web", "v1", "web-1"), "reviews")
	at := -1
	eventually(t, "a stream", func() bool {
		for i, p := range fleet {
			proxies, err := p.admin().OwnProxies(t.Context())
			if err == nil && len(proxies) == 1 && proxies[0].Connected {
				at = i
			}
		}
		return at >= 0
	})
	lost := fleet[at].admin()
	eventually(t, "word of the other control plane", func() bool {
		all, err := lost.Replicas(t.Context())
		return err == nil && len(all) == len(fleet)
	})
	began := time.Now()
	cables[at].cut()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := lost.Resources(ctx, ""); err == nil {
		t.Error("it answers without its store")
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("a call under way was held for %s", took)
	}
	eventually(t, "a stream at the other control plane", func() bool {
		connected, since := web.feed()
		return connected && since.After(began)
	})
	_, since := web.feed()
	t.Logf("moved in %s", since.Sub(began))
	cables[at].mend()
	eventually(t, "its return", func() bool { _, err := lost.Resources(t.Context(), ""); return err == nil })
}

// Where no control plane reaches the store there is nowhere better to go: sidecars stay.
func TestSidecarsStayWhenTheStoreIsAwayFromAll(t *testing.T) {
	t.Parallel()
	fleet, cables := cabled(t)
	token := fleet[0].token(fleet[0].admin())
	both := plant{t: t, address: fleet[0].address + "," + fleet[1].address}
	web := both.sidecar(token, workload("web", "v1", "web-1"), "reviews")
	eventually(t, "a stream", func() bool { connected, _ := web.feed(); return connected })
	_, before := web.feed()
	for _, w := range cables {
		w.cut()
	}
	timer := time.NewTimer(3 * time.Second) // a gate shuts in half of that
	defer timer.Stop()
	<-timer.C
	if connected, since := web.feed(); !connected || !since.Equal(before) {
		t.Errorf("connected: %v, since %s after the store was lost", connected, since.Sub(before))
	}
	for _, w := range cables {
		w.mend() // a control plane that ends says so in the store
	}
}
