package pair

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/sightline-mesh/sightline/loadtest/peers/framing"
)

// refusesStrangers makes sure that what is measured is mutual TLS 1.3: neither plain
// text nor an older TLS nor a caller without a certificate gets an answer of the app.
func refusesStrangers(ctx context.Context, at netip.AddrPort) error {
	// What is checked is whether the server refuses; who it is does not matter.
	nobody := func(newest uint16) *tls.Dialer {
		return &tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12, MaxVersion: newest}}
	}
	for who, d := range map[string]interface {
		DialContext(ctx context.Context, network, addr string) (net.Conn, error)
	}{
		"plain text":     &net.Dialer{},
		"TLS 1.2":        nobody(tls.VersionTLS12),
		"no certificate": nobody(tls.VersionTLS13),
	} {
		status, err := try(ctx, d.DialContext, at)
		if status >= 100 && status < 400 {
			return fmt.Errorf("%s with %s gets in: status %d", at, who, status)
		}
		if who == "TLS 1.2" && err == nil {
			return fmt.Errorf("%s speaks TLS 1.2", at)
		}
	}
	return ctx.Err()
}

// try sends a request and returns the status of the answer, 0 if it is not one of
// HTTP/1.1, or why there was none.
func try(ctx context.Context, dial func(context.Context, string, string) (net.Conn, error), at netip.AddrPort) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	c, err := dial(ctx, "tcp", at.String())
	if err != nil {
		return 0, err
	}
	defer func() { _ = c.Close() }()
	until, _ := ctx.Deadline()
	if err := c.SetDeadline(until); err != nil {
		return 0, err
	}
	if _, err := fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", Host); err != nil {
		return 0, err
	}
	in := make([]byte, 64)
	n, err := c.Read(in)
	if n == 0 {
		return 0, errors.Join(errors.New("no answer"), err)
	}
	return framing.Status(in[:n]), nil
}
