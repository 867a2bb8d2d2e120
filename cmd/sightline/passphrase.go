package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/sightline-mesh/sightline/cmd/sightline/up"
	"github.com/sightline-mesh/sightline/controlplane/ca"
)

const longestPassphrase = 4096

// passphrase says where the CA's passphrase comes from. It is never on a command line,
// which all users of the machine can read.
type passphrase struct {
	file string
	fd   int
}

// caFlags are those of who runs a certificate authority.
func caFlags(f *pflag.FlagSet, files *ca.Files, p *passphrase) {
	f.StringVar(&files.Cert, "ca-cert", "", "PEM file of an authority to issue certificates with: a root, or an intermediate (default: a root of the mesh's own). Another one than that in use waits for sightline ca rotate")
	f.StringVar(&files.Key, "ca-key", "", "PEM file of its private key")
	f.StringVar(&files.Chain, "ca-chain", "", "PEM file of the certificates above it, up to the root")
	f.StringVar(&p.file, "ca-passphrase-file", "", "file with the passphrase that seals the CA's private keys in the state; the environment variable "+up.PassphraseVariable+" holds it as well (default: a key in the file ca.key beside the state)")
	f.IntVar(&p.fd, "ca-passphrase-fd", -1, "file descriptor to read it from")
}

// read takes the passphrase from where it was said to be; empty is none. The variable is
// taken out of the environment, which processes that are started would inherit.
func (p passphrase) read() (string, error) {
	said := os.Getenv(up.PassphraseVariable)
	_ = os.Unsetenv(up.PassphraseVariable) // fails for a malformed name alone
	var from io.ReadCloser
	switch {
	case p.file != "" && p.fd >= 0:
		return "", errors.New("ca-passphrase-file and ca-passphrase-fd: want one of them")
	case p.file != "":
		f, err := os.Open(p.file)
		if err != nil {
			return "", fmt.Errorf("ca-passphrase-file: %w", err)
		}
		from = f
	case p.fd >= 0:
		from = os.NewFile(uintptr(p.fd), "ca-passphrase-fd")
	default:
		return said, nil
	}
	raw, err := io.ReadAll(io.LimitReader(from, longestPassphrase+1))
	if err = errors.Join(err, from.Close()); err != nil {
		return "", fmt.Errorf("read the CA's passphrase: %w", err)
	}
	text := strings.TrimRight(string(raw), "\r\n")
	if text == "" || len(raw) > longestPassphrase {
		return "", fmt.Errorf("read the CA's passphrase: it has %d bytes, want 1 to %d", len(text), longestPassphrase)
	}
	return text, nil
}
