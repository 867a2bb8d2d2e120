package proxy

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/gather"
	"github.com/sightline-mesh/sightline/proxy/http2"
	"github.com/sightline-mesh/sightline/proxy/originate"
	"github.com/sightline-mesh/sightline/proxy/serve"
	"github.com/sightline-mesh/sightline/proxy/stream"
	"github.com/sightline-mesh/sightline/proxy/upstream"
)

// dialer makes connections that notice in time that their peer is gone.
func dialer(k *mesh.Keepalive) *net.Dialer {
	if k == nil {
		return new(net.Dialer)
	}
	return &net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: k.Time, Interval: k.Interval, Count: k.Probes}}
}

// dial opens a connection of mutual TLS that has proved to be the instance's, or one of
// plaintext, or of TLS that strangers take, where there is to be none.
func (r *parts) dial(ctx context.Context, to *upstream.Instance, alpn string) (net.Conn, error) {
	d, at := dialer(to.Limits().Keepalive), to.At().String()
	if to.TLS() != nil && alpn != serve.Encrypted { // TLS of the app's own goes as it is
		return r.originate(ctx, d, to, alpn)
	}
	if to.Plaintext() {
		return d.DialContext(ctx, "tcp", at)
	}
	cfg := r.source.ClientTLS(to.Info.Identity, alpn, stream.Mesh)
	cfg.ServerName = serve.ServerName(to.Port, to.Info.Service)
	c, err := gather.DialTLS(ctx, d, at, cfg)
	if t, ok := c.(*tls.Conn); ok && err == nil {
		r.source.Watch(t)
	}
	return c, err
}

// originate opens a connection of TLS to a server outside the mesh.
func (r *parts) originate(ctx context.Context, d *net.Dialer, to *upstream.Instance, alpn string) (net.Conn, error) {
	o := to.TLS()
	cfg, err := r.others.Config(&originate.Settings{
		ServerName: cmp.Or(o.ServerName, string(to.Info.Service)), Names: o.Names,
		Roots: o.Authorities, Certificate: o.Certificate, Key: o.Key, Unverified: o.Unverified,
	}, offered(alpn, to.Protocol())...)
	if err != nil {
		return nil, fmt.Errorf("make TLS with %s: %w", to.Info.Service, err)
	}
	c, err := gather.DialTLS(ctx, d, to.At().String(), cfg)
	if err != nil {
		return nil, err
	}
	if t, ok := c.(*tls.Conn); ok && alpn == "h2" {
		got := t.ConnectionState().NegotiatedProtocol
		if got == "" && speaksHTTP2(to.Protocol()) {
			return c, nil // it knows nothing of ALPN, and was said to speak HTTP/2
		}
		if got != "h2" {
			t.Close()
			return nil, fmt.Errorf("%w: in TLS it chose %q", http2.ErrNotSpoken, cmp.Or(got, "no protocol"))
		}
	}
	return c, nil
}

// offered is what is named in the handshake for a protocol of our own choice. A server that
// does not speak HTTP/2 is to say so rather than refuse, unless it was said to; a stream of
// bytes is of no protocol.
func offered(alpn string, said mesh.AppProtocol) []string {
	switch {
	case alpn == stream.ALPN:
		return nil
	case alpn == "h2" && !speaksHTTP2(said):
		return []string{"h2", "http/1.1"}
	}
	return []string{alpn}
}

func speaksHTTP2(p mesh.AppProtocol) bool { return p == mesh.HTTP2 || p == mesh.GRPC }
