// Package baseline is what one would write in Go without a forwarder of one's own: a
// reverse proxy of the standard library, and, as the floor, a program that passes
// bytes over mutual TLS without looking at them. Each runs as a process of its own.
package baseline

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
)

// The parts a program plays with Act, as its first argument; the second is a Side in
// JSON.
const (
	RoleReverseProxy = "act-as-reverse-proxy"
	RoleSplice       = "act-as-splice"
)

// Side is one half of a pair.
type Side struct {
	Listen, Next     netip.AddrPort
	Inner            bool // the app's side, which takes TLS; else the caller's, which makes it
	Certificate, Key string
	Root             string // path of PEM
	Peer             string // the name in the other side's certificate
	Log              string // path of the access log
}

// Act plays a part until ctx ends.
func Act(ctx context.Context, role, side string) error {
	var s Side
	if err := json.Unmarshal([]byte(side), &s); err != nil {
		return fmt.Errorf("read side: %w", err)
	}
	conf, err := s.tls()
	if err != nil {
		return err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", s.Listen.String())
	if err != nil {
		return err
	}
	if s.Inner {
		l = tls.NewListener(l, conf)
	}
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	if role == RoleSplice {
		err = s.splice(l, conf)
	} else {
		err = s.reverse(ctx, l, conf)
	}
	if ctx.Err() != nil && errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// tls proves this side and asks the same of the other.
func (s Side) tls() (*tls.Config, error) {
	own, err := tls.LoadX509KeyPair(s.Certificate, s.Key)
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	pem, err := os.ReadFile(s.Root)
	if err != nil {
		return nil, fmt.Errorf("read root: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read root: no certificate in %s", s.Root)
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{own},
		RootCAs: roots, ServerName: s.Peer,
		ClientCAs: roots, ClientAuth: tls.RequireAndVerifyClientCert,
		NextProtos: []string{"http/1.1"},
	}, nil
}
