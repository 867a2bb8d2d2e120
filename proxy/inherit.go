package proxy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/sightline-mesh/sightline/proxy/handover"
	"github.com/sightline-mesh/sightline/proxy/listen"
	"github.com/sightline-mesh/sightline/proxy/serve"
)

// workload is what a sidecar and its heir must agree on: they are one instance.
func (c Config) workload() string {
	return fmt.Sprintf("service %s, namespace %s, version %q, account %s", c.Service, c.Namespace, c.Version, c.Account)
}

// inherit takes listeners over in the place of binding them. An heir has exactly the
// listeners of the process before it: those it cannot find, or would want elsewhere,
// need a sidecar that is started anew.
func inherit(c Config, e *handover.Estate) (*listeners, error) {
	if c.workload() != e.Will.Workload {
		return nil, fmt.Errorf("go on as %s: this sidecar is %s; start another one", c.workload(), e.Will.Workload)
	}
	l := &listeners{upstreams: map[serve.Port]net.Listener{}}
	err := errors.Join(
		take(e, outboundName, c.Outbound, &l.outbound),
		take(e, inboundName, c.Inbound, &l.inbound),
		take(e, adminName, c.Admin, &l.admin),
	)
	if l6, bad := e.Listener(outbound6Name); bad == nil && l6 != nil {
		l.outbound6 = l6
	} else {
		err = errors.Join(err, bad)
	}
	for name, u := range c.Upstreams {
		if u.Address == "" {
			continue
		}
		port, bad := portOf(name, u, c.Namespace)
		var one net.Listener
		if bad == nil {
			bad = take(e, listenerOf(port), u.Address, &one)
		}
		if bad != nil {
			err = errors.Join(err, bad)
			continue
		}
		l.upstreams[port] = one
	}
	if err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

func take(e *handover.Estate, name, asked string, into *net.Listener) error {
	l, err := e.Listener(name)
	switch {
	case err != nil:
		return err
	case l == nil:
		return fmt.Errorf("%s: a restart cannot add a listener; end the sidecar and start it again", name)
	case !sameAddress(asked, l.Addr().String()):
		return errors.Join(fmt.Errorf("%s: a restart cannot move it from %s to %s", name, l.Addr(), asked), l.Close())
	}
	*into = l
	return nil
}

// sameAddress reports whether a listener is where it is asked for: anywhere, if the
// address is left open.
func sameAddress(asked, is string) bool {
	if asked == "" {
		return true
	}
	askedHost, askedPort, askedErr := net.SplitHostPort(asked)
	host, port, err := net.SplitHostPort(is)
	if askedErr != nil || err != nil || askedPort != "0" && askedPort != port {
		return false
	}
	want := net.ParseIP(askedHost)
	return want == nil || want.IsUnspecified() || want.Equal(net.ParseIP(host))
}

// named are the listeners with their names, in an order that stays the same.
func (l *listeners) named() (names []string, all []net.Listener) {
	names = []string{outboundName, inboundName, adminName}
	all = []net.Listener{l.outbound, l.inbound, l.admin}
	if l.outbound6 != nil {
		names, all = append(names, outbound6Name), append(all, l.outbound6)
	}
	byName := func(a, b serve.Port) int { return strings.Compare(listenerOf(a), listenerOf(b)) }
	for _, port := range slices.SortedFunc(maps.Keys(l.upstreams), byName) {
		names = append(names, listenerOf(port))
		all = append(all, l.upstreams[port])
	}
	return names, all
}

// listenerOf is the name of the listener of a port. What is spoken there may be another
// after a restart.
func listenerOf(p serve.Port) string {
	if p.Service == "" {
		return outboundName
	}
	if p.Number == 0 {
		return upstreamPrefix + string(p.Service)
	}
	return upstreamPrefix + string(p.Service) + ":" + strconv.Itoa(int(p.Number))
}

// Estate is what another process needs to go on as this sidecar. The caller closes it.
func (p *Proxy) Estate() (*handover.Estate, error) {
	names, all := p.l.named()
	e := &handover.Estate{Will: handover.Will{Workload: p.c.workload(), Listeners: names}}
	var err error
	if e.Lock, err = handover.Duplicate(p.slot.lock, "lock"); err != nil {
		return nil, err
	}
	for i, l := range all {
		c, ok := l.(syscall.Conn)
		if !ok {
			return nil, errors.Join(fmt.Errorf("hand %s over: it is no socket", names[i]), e.Close())
		}
		f, err := handover.Duplicate(c, names[i])
		if err != nil {
			return nil, errors.Join(err, e.Close())
		}
		e.Listeners = append(e.Listeners, f)
	}
	return e, nil
}

// Yield says that another process goes on as this sidecar: Run's context is to be ended
// next. The feed ends without a goodbye, and idle connections of the app go to give.
func (p *Proxy) Yield(give func(c net.Conn, listener string) bool) {
	h := heir(give)
	p.heir.Store(&h)
	p.parts.feed.Yield()
}

// passOn is what passes an idle connection to a port on; nil while there is nobody to
// pass it on to.
func (p *Proxy) passOn(port serve.Port) listen.Pass {
	h := p.heir.Load()
	if h == nil {
		return nil
	}
	return func(c net.Conn) bool { return (*h)(c, listenerOf(port)) }
}

// goOn serves connections that the process before has accepted and that lay idle.
func (p *Proxy) goOn(ctx context.Context, front *errgroup.Group) {
	inlets := map[string]*inlet{}
	open := func(port serve.Port, l net.Listener) {
		in := newInlet(l.Addr())
		inlets[listenerOf(port)] = in
		front.Go(func() error { return p.parts.outbound.ServePort(ctx, in, port) })
	}
	open(serve.Port{}, p.l.outbound)
	for port, l := range p.l.upstreams {
		open(port, l)
	}
	front.Go(func() error {
		from, err := handover.Connection(p.from.Take)
		if err != nil {
			return err
		}
		defer context.AfterFunc(ctx, func() { _ = from.Close() })()
		err = handover.Take(from, p.from.Will.Listeners, func(listener string, c net.Conn) {
			if in := inlets[listener]; in != nil {
				in.put(c)
				return
			}
			_ = c.Close() // such are not passed on
		})
		if err != nil && ctx.Err() == nil {
			p.log.Warn("not every connection was taken over", "error", err)
		}
		return nil
	})
}

// inlet is a listener of connections that another process has accepted.
type inlet struct {
	addr   net.Addr
	conns  chan net.Conn
	closed chan struct{}
	close  func()
}

func newInlet(addr net.Addr) *inlet {
	closed := make(chan struct{})
	return &inlet{addr: addr, conns: make(chan net.Conn), closed: closed, close: sync.OnceFunc(func() { close(closed) })}
}

// Accept implements net.Listener.
func (i *inlet) Accept() (net.Conn, error) {
	select {
	case c := <-i.conns:
		return c, nil
	case <-i.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (i *inlet) Close() error {
	i.close()
	return nil
}

// Addr implements net.Listener.
func (i *inlet) Addr() net.Addr { return i.addr }

// put has a connection accepted; it is closed if nobody accepts any more.
func (i *inlet) put(c net.Conn) {
	select {
	case i.conns <- c:
	case <-i.closed:
		_ = c.Close() // there is nobody to tell
	}
}
