package seal

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/crypto/chacha20poly1305"
	"golang.org/x/crypto/scrypt"
)

const (
	saltBytes = 16
	// scrypt's cost: 32 MiB and about a tenth of a second for each guess.
	scryptN, scryptR, scryptP = 1 << 15, 8, 1
)

// phrase is a key that a passphrase leads to.
type phrase struct {
	secret string

	mu      sync.Mutex // guards what follows
	salt    []byte     // of what this process seals
	derived map[string][]byte
}

func (*phrase) kind() string { return "passphrase" }

func (p *phrase) forSealing() (k, salt []byte, err error) {
	p.mu.Lock()
	if p.salt == nil {
		p.salt = make([]byte, saltBytes)
		_, _ = rand.Read(p.salt) // never fails
	}
	salt = p.salt
	p.mu.Unlock()
	k, err = p.forOpening(salt)
	return k, salt, err
}

// forOpening remembers what it derived: the authority is opened again with each change.
func (p *phrase) forOpening(salt []byte) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if k, ok := p.derived[string(salt)]; ok {
		return k, nil
	}
	k, err := scrypt.Key([]byte(p.secret), salt, scryptN, scryptR, scryptP, chacha20poly1305.KeySize)
	if err != nil {
		return nil, fmt.Errorf("derive key of passphrase: %w", err)
	}
	if p.derived == nil || len(p.derived) > 16 { // salts are few: one for each process that sealed
		p.derived = map[string][]byte{}
	}
	p.derived[string(salt)] = k
	return k, nil
}

// keyFile is a key in a file that its owner alone can read.
type keyFile struct {
	path string
	mu   sync.Mutex // one maker at a time
}

func (*keyFile) kind() string { return "key file" }

func (f *keyFile) forSealing() (k, salt []byte, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	k, err = f.forOpening(nil)
	if errors.Is(err, fs.ErrNotExist) {
		k, err = f.create()
	}
	return k, nil, err
}

func (f *keyFile) forOpening([]byte) ([]byte, error) {
	raw, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read key file: %w: copy it from the control plane that made it, or give all of them one passphrase", err)
	}
	if err != nil {
		return nil, fmt.Errorf("read key file: %w", err)
	}
	k, err := hex.DecodeString(strings.TrimSpace(string(raw)))
	if err != nil || len(k) != chacha20poly1305.KeySize {
		return nil, fmt.Errorf("read key file: %s does not hold %d bytes in hex", f.path, chacha20poly1305.KeySize)
	}
	return k, nil
}

func (f *keyFile) create() ([]byte, error) {
	k := make([]byte, chacha20poly1305.KeySize)
	_, _ = rand.Read(k) // never fails
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return nil, fmt.Errorf("make key file: %w", err)
	}
	file, err := os.OpenFile(f.path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make key file: %w", err)
	}
	_, err = file.WriteString(hex.EncodeToString(k) + "\n")
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return nil, fmt.Errorf("make key file: %w", err)
	}
	return k, nil
}
