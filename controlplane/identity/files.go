package identity

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/token"
)

const (
	identityFile = "identity.pem" // key, then the chain: one file, so they always fit
	rootsFile    = "roots.pem"
	formerFile   = "former-roots"
	trustFile    = "trust.pb" // what the control plane said last of whom to trust

	mostFormer = 8 // former roots that are remembered

	keyBlock         = "PRIVATE KEY"
	certificateBlock = "CERTIFICATE"
)

// load reads what save wrote. An error says why it cannot be gone on with.
func (s *Source) load() (*material, error) {
	if s.cfg.Dir == "" {
		return nil, errors.New("nothing is kept on disk")
	}
	own, err := readBlocks(filepath.Join(s.cfg.Dir, identityFile))
	if err != nil {
		return nil, err
	}
	roots, err := readBlocks(filepath.Join(s.cfg.Dir, rootsFile))
	if err != nil {
		return nil, err
	}
	if len(own[keyBlock]) != 1 {
		return nil, fmt.Errorf("%s: %d keys, want one", identityFile, len(own[keyBlock]))
	}
	parsed, err := x509.ParsePKCS8PrivateKey(own[keyBlock][0])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", identityFile, err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s: key is a %T, want ECDSA", identityFile, parsed)
	}
	m, err := newMaterial(key, own[certificateBlock], roots[certificateBlock])
	if err != nil {
		return nil, err
	}
	if !s.pins(m.roots) {
		return nil, errors.New("the join token is of another control plane than the certificate")
	}
	if !time.Now().Before(m.certificate.Leaf.NotAfter) {
		return nil, fmt.Errorf("certificate expired at %s", m.certificate.Leaf.NotAfter)
	}
	return m, s.check(m)
}

// save writes roots before the certificate that needs them.
func (s *Source) save(m *material) error {
	if s.cfg.Dir == "" {
		return nil
	}
	key, err := x509.MarshalPKCS8PrivateKey(m.certificate.PrivateKey)
	if err != nil {
		return fmt.Errorf("save identity: %w", err)
	}
	if err := os.MkdirAll(s.cfg.Dir, 0o700); err != nil {
		return fmt.Errorf("save identity: %w", err)
	}
	if err := s.saveRoots(m.roots); err != nil {
		return err
	}
	own := encode(keyBlock, key)
	for _, c := range m.certificate.Certificate {
		own = append(own, encode(certificateBlock, c)...)
	}
	if err := writeFile(filepath.Join(s.cfg.Dir, identityFile), own); err != nil {
		return fmt.Errorf("save identity: %w", err)
	}
	return nil
}

// saveRoots keeps the roots, and the fingerprints of those that were trusted before: a
// join token goes on naming the root that it was made with.
func (s *Source) saveRoots(roots []*x509.Certificate) error {
	if s.cfg.Dir == "" {
		return nil
	}
	former := s.formerRoots()
	if s.current.Load() != nil { // else these are roots of another mesh, or none
		for _, r := range s.bundle.X509Authorities() {
			former = append(former, token.Fingerprint(r))
		}
	}
	var lines []byte
	for _, f := range former[max(0, len(former)-mostFormer):] {
		if !slices.ContainsFunc(roots, func(r *x509.Certificate) bool { return token.Fingerprint(r) == f }) {
			lines = fmt.Appendf(lines, "%x\n", f)
		}
	}
	var blocks []byte
	for _, r := range roots {
		blocks = append(blocks, encode(certificateBlock, r.Raw)...)
	}
	err := writeFile(filepath.Join(s.cfg.Dir, formerFile), lines)
	if err == nil {
		err = writeFile(filepath.Join(s.cfg.Dir, rootsFile), blocks)
	}
	if err != nil {
		return fmt.Errorf("save roots: %w", err)
	}
	return nil
}

// formerRoots are the fingerprints of roots that were trusted once, the oldest first.
func (s *Source) formerRoots() (out [][sha256.Size]byte) {
	if s.cfg.Dir == "" {
		return nil
	}
	raw, err := os.ReadFile(filepath.Join(s.cfg.Dir, formerFile))
	if err != nil {
		return nil // no rotation yet
	}
	for line := range strings.Lines(string(raw)) {
		b, err := hex.DecodeString(strings.TrimSpace(line))
		if err == nil && len(b) == sha256.Size && !slices.Contains(out, [sha256.Size]byte(b)) {
			out = append(out, [sha256.Size]byte(b))
		}
	}
	return out
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// readBlocks reads a PEM file, its blocks by type in their order.
func readBlocks(path string) (map[string][][]byte, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	blocks := map[string][][]byte{}
	for {
		var b *pem.Block
		if b, raw = pem.Decode(raw); b == nil {
			return blocks, nil
		}
		blocks[b.Type] = append(blocks[b.Type], b.Bytes)
	}
}

// writeFile replaces a file in one step, readable by its owner alone.
func writeFile(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already when all went well
	if _, err := f.Write(content); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
