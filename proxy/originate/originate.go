package originate

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"strings"
	"sync"
)

// Settings say whom to make TLS with, and how.
type Settings struct {
	ServerName string   // that is asked for
	Names      []string // hosts, addresses or URIs, of which the certificate carries one; none is ServerName
	Roots      string   // path of the authorities that are trusted, PEM; empty is the system's
	// Certificate and Key are paths of what the client proves itself with, PEM; empty is
	// nothing.
	Certificate, Key string
	// Unverified takes whatever certificate there is.
	Unverified bool
}

// maxKept bounds what is remembered of files and sessions: far more than a sidecar calls.
const maxKept = 512

// Originator makes configurations of TLS. It is safe for concurrent use.
type Originator struct {
	log *slog.Logger

	mu       sync.Mutex // guards what follows
	roots    map[string]*kept[x509.CertPool]
	pairs    map[string]*kept[tls.Certificate]
	sessions map[string]tls.ClientSessionCache
}

// New makes one. Files that cannot be read any more are told to the log, once for each
// change.
func New(log *slog.Logger) *Originator {
	o := &Originator{log: log}
	o.forget()
	return o
}

// Config is the configuration for one connection, on which one of these protocols is to be
// spoken; none says nothing of that. Its errors name the file.
func (o *Originator) Config(s *Settings, protocols ...string) (*tls.Config, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.roots)+len(o.pairs)+len(o.sessions) > maxKept {
		o.forget()
	}
	verify := verifier{server: s.ServerName, names: s.Names}
	if len(verify.names) == 0 {
		verify.names = []string{s.ServerName}
	}
	cfg := &tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: s.ServerName, NextProtos: protocols,
		InsecureSkipVerify: true, // verify sees to it, as names may be others than ServerName
	}
	material := ""
	if s.Roots != "" {
		k := entry(o.roots, s.Roots)
		if err := k.refresh(o.log, readRoots, s.Roots); err != nil {
			return nil, fmt.Errorf("caCertificates: %w", err)
		}
		verify.roots = k.value
		material += k.stamps
	}
	if s.Certificate != "" {
		k := entry(o.pairs, s.Certificate+"\x00"+s.Key)
		if err := k.refresh(o.log, readPair, s.Certificate, s.Key); err != nil {
			return nil, fmt.Errorf("clientCertificate: %w", err)
		}
		cfg.Certificates = []tls.Certificate{*k.value}
		material += k.stamps
	}
	if !s.Unverified {
		cfg.VerifyConnection = verify.connection
	}
	cfg.ClientSessionCache = o.session(s, material)
	return cfg, nil
}

func (o *Originator) forget() {
	o.roots, o.pairs = map[string]*kept[x509.CertPool]{}, map[string]*kept[tls.Certificate]{}
	o.sessions = map[string]tls.ClientSessionCache{}
}

// session is where tickets are kept of servers that are called in the same way: one of
// before a change is not to be used after it.
func (o *Originator) session(s *Settings, material string) tls.ClientSessionCache {
	k := strings.Join([]string{s.ServerName, s.Roots, s.Certificate, s.Key, fmt.Sprint(s.Unverified, s.Names), material}, "\x00")
	if o.sessions[k] == nil {
		o.sessions[k] = tls.NewLRUClientSessionCache(16)
	}
	return o.sessions[k]
}
