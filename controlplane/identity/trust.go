package identity

import (
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"google.golang.org/protobuf/proto"

	"github.com/sightline-mesh/sightline/controlplane/wire"
)

const (
	mostRoots   = 16
	mostRevoked = 1 << 16
)

// trust is what the control plane said last of whom to trust, beside the roots.
type trust struct {
	version uint64
	revoked *Revocations
}

// adoptTrust puts an update in force, on disk first, whole or not at all.
func (s *Source) adoptTrust(m *wire.TrustUpdate) error {
	roots, err := rootsOf(m)
	if err != nil {
		return err
	}
	if len(m.GetRevoked()) > mostRevoked {
		return fmt.Errorf("trust update %d: %d revocations, want %d at most", m.GetVersion(), len(m.GetRevoked()), mostRevoked)
	}
	s.adopting.Lock()
	defer s.adopting.Unlock()
	if err := s.saveTrust(m, roots); err != nil {
		return err
	}
	s.replacing.Lock()
	if s.agent == nil { // else it says whom to trust
		held := *s.current.Load()
		held.roots = roots
		s.setRoots(roots)
		s.current.Store(&held)
	}
	s.trust.Store(trustOf(m))
	s.replacing.Unlock()
	if r := s.trust.Load().revoked; r.Len() > 0 {
		s.watch.end(func(chain []*x509.Certificate) error { return r.Check(chain[0]) })
	}
	return nil
}

func rootsOf(m *wire.TrustUpdate) ([]*x509.Certificate, error) {
	if n := len(m.GetRoots()); n == 0 || n > mostRoots {
		return nil, fmt.Errorf("trust update %d: %d roots, want 1 to %d", m.GetVersion(), n, mostRoots)
	}
	roots, err := x509.ParseCertificates(concat(m.GetRoots()))
	if err != nil {
		return nil, fmt.Errorf("trust update %d: %w", m.GetVersion(), err)
	}
	for _, r := range roots {
		if !r.IsCA {
			return nil, fmt.Errorf("trust update %d: %q is no authority", m.GetVersion(), r.Subject)
		}
	}
	return roots, nil
}

func trustOf(m *wire.TrustUpdate) *trust {
	list := make([]Revocation, 0, len(m.GetRevoked()))
	for _, r := range m.GetRevoked() {
		one := Revocation{Serial: r.GetSerial(), Identity: r.GetIdentity()}
		if r.GetBefore() != nil {
			one.Before = r.GetBefore().AsTime()
		}
		list = append(list, one)
	}
	return &trust{version: m.GetVersion(), revoked: NewRevocations(list)}
}

func (s *Source) saveTrust(m *wire.TrustUpdate, roots []*x509.Certificate) error {
	if s.cfg.Dir == "" {
		return nil
	}
	raw, err := proto.Marshal(m)
	if err != nil {
		return fmt.Errorf("save trust: %w", err)
	}
	if err := writeFile(filepath.Join(s.cfg.Dir, trustFile), raw); err != nil {
		return fmt.Errorf("save trust: %w", err)
	}
	return s.saveRoots(roots)
}

// loadTrust goes on with what was revoked before a restart. Its version is not in force:
// the roots of the moment may have come with another certificate.
func (s *Source) loadTrust() *trust {
	if s.cfg.Dir == "" {
		return &trust{}
	}
	raw, err := os.ReadFile(filepath.Join(s.cfg.Dir, trustFile))
	if errors.Is(err, os.ErrNotExist) {
		return &trust{}
	}
	var m wire.TrustUpdate
	if err == nil {
		err = proto.Unmarshal(raw, &m)
	}
	if err != nil {
		s.cfg.Logger.Warn("revocations on disk are of no use", "reason", err)
		return &trust{}
	}
	t := trustOf(&m)
	t.version = 0
	return t
}

// signer names the key that signed the current certificate.
func (s *Source) signer() string {
	return hex.EncodeToString(s.current.Load().certificate.Leaf.AuthorityKeyId)
}

// compare has the certificate renewed if another authority signs by now than signed it.
// All who do so come over the time that the control plane said.
func (s *Source) compare(m *wire.TrustUpdate) {
	if s.agent != nil || m.GetSigner() == "" || m.GetSigner() == s.signer() {
		return
	}
	s.mu.Lock()
	s.spread = m.GetSpread().AsDuration()
	s.mu.Unlock()
	signal(s.hurry)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
