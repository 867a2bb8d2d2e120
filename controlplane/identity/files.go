package identity

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const (
	identityFile = "identity.pem" // key, then the chain: one file, so they always fit
	rootsFile    = "roots.pem"

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
	var roots []byte
	for _, r := range m.roots {
		roots = append(roots, encode(certificateBlock, r.Raw)...)
	}
	if err := writeFile(filepath.Join(s.cfg.Dir, rootsFile), roots); err != nil {
		return fmt.Errorf("save identity: %w", err)
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
