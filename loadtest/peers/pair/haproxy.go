package pair

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sightline-mesh/sightline/loadtest/peers/proc"
)

//go:embed haproxy.cfg.tmpl
var haproxyConf string

// HAProxy keeps connections on the TLS hop and writes its HTTP log to a file.
var HAProxy = Kind{Name: "haproxy", logged: true, start: startHAProxy}

// HAProxyHTTP2 is the same with HTTP/2 on all hops.
var HAProxyHTTP2 = Kind{Name: "haproxy-h2", HTTP2: true, logged: true, start: startHAProxy}

// startHAProxy starts one HAProxy in the foreground with a thread for each core. It
// wants certificate and key in one file.
func startHAProxy(ctx context.Context, p Peer, s side) (_ *proc.Process, err error) {
	if err := s.joinOwn(); err != nil {
		return nil, err
	}
	path, err := s.configure("haproxy.cfg", haproxyConf)
	if err != nil {
		return nil, err
	}
	log, err := os.Create(s.accessLog())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, log.Close()) }() // the process has its own
	return proc.Start(ctx, proc.Command{
		Path: p.Path, Args: []string{"-db", "-f", path},
		Env: environment(), Stdout: log, Log: p.Log,
	})
}

// Bundle is the file with certificate and key.
func (s side) Bundle() string { return filepath.Join(s.Dir, "bundle.pem") }

func (s side) joinOwn() error {
	var all []byte
	for _, path := range []string{s.Own.Certificate, s.Own.Key} {
		b, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("join certificate and key: %w", err)
		}
		all = append(all, b...)
	}
	return os.WriteFile(s.Bundle(), all, 0o600)
}
