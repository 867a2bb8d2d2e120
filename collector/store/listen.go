package store

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// unixPrefix begins a Listen that is the path of a Unix socket.
const unixPrefix = "unix:"

// access refuses what would let others in than were meant to come: a store is for this
// machine, and on the network for who has its password, over TLS.
func (c Config) access() error {
	listen := cmp.Or(c.Listen, DefaultListen)
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return errors.New("listen for store: of certificate and private key one is missing; want both, or none")
	}
	if path, ok := strings.CutPrefix(listen, unixPrefix); ok {
		if !filepath.IsAbs(path) {
			return fmt.Errorf("listen for store on %s: want an absolute path, such as unix:/run/sightline/store.sock", listen)
		}
		return nil
	}
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return fmt.Errorf("listen for store: %w; want host:port or unix:/path", err)
	}
	ip := net.ParseIP(host)
	switch {
	case host == "localhost", ip != nil && ip.IsLoopback():
		return nil
	case !c.Remote:
		return fmt.Errorf("listen for store on %s: not a loopback address, and others than this machine may not use the store unless it is said so", listen)
	case c.Password == "":
		return fmt.Errorf("listen for store on %s: not a loopback address, and the store has no password", listen)
	case c.TLSCert == "" && !c.Plaintext:
		return fmt.Errorf("listen for store on %s: not a loopback address, and without a certificate passwords and telemetry cross the network in the clear", listen)
	}
	return nil
}

// bind opens the listener. Access has been checked.
func (c Config) bind(ctx context.Context) (net.Listener, error) {
	var certificate *tls.Config
	if c.TLSCert != "" {
		pair, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
		if err != nil {
			return nil, fmt.Errorf("listen for store: %w", err)
		}
		certificate = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	}
	var l net.Listener
	var err error
	if path, ok := strings.CutPrefix(c.Listen, unixPrefix); ok {
		l, err = listenUnix(ctx, path)
	} else {
		l, err = (&net.ListenConfig{}).Listen(ctx, "tcp", cmp.Or(c.Listen, DefaultListen))
	}
	if err != nil {
		return nil, fmt.Errorf("listen for store: %w", err)
	}
	if certificate != nil {
		l = tls.NewListener(l, certificate)
	}
	return l, nil
}

// listenUnix makes a socket that only this user may connect to, at no moment anybody else:
// it comes to its place when its mode is right. One that nobody listens on any more, as a
// killed store leaves it, is replaced.
func listenUnix(ctx context.Context, path string) (net.Listener, error) {
	if c, err := (&net.Dialer{}).DialContext(ctx, "unix", path); err == nil {
		return nil, errors.Join(fmt.Errorf("%s: somebody listens there", path), c.Close())
	}
	if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSocket == 0 {
		return nil, fmt.Errorf("%s: is there and no socket", path)
	}
	private, err := os.MkdirTemp(filepath.Dir(path), ".s") // mode 0700
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(private)
	made := filepath.Join(private, "s")
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", made)
	if err != nil {
		return nil, err
	}
	s := &socket{Listener: l, path: path}
	if u, ok := l.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false) // its name is another one by then
	}
	if err := errors.Join(os.Chmod(made, 0o600), os.Rename(made, path)); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return s, nil
}

// socket is a Unix socket's listener that takes its file away.
type socket struct {
	net.Listener

	path string
}

func (s *socket) Addr() net.Addr { return &net.UnixAddr{Name: s.path, Net: "unix"} }

func (s *socket) Close() error {
	return errors.Join(os.Remove(s.path), s.Listener.Close())
}
