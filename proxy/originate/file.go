package originate

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
)

// maxFile bounds what is read of a file: all authorities of a system take a quarter of it.
const maxFile = 1 << 20

// kept is what was read from files, as they stood when they were looked at last.
type kept[T any] struct {
	stamps string
	value  *T    // the last that was good; nil before there was one
	err    error // of reading what the files hold now
}

func entry[T any](all map[string]*kept[T], name string) *kept[T] {
	k := all[name]
	if k == nil {
		k = &kept[T]{}
		all[name] = k
	}
	return k
}

// refresh reads the files if they have changed. It fails only while nothing good was ever
// read: a file that is just being replaced may be half of what it is to be.
func (k *kept[T]) refresh(log *slog.Logger, read func(paths ...string) (*T, error), paths ...string) error {
	now := stampsOf(paths)
	if now != k.stamps || k.stamps == "" {
		value, err := read(paths...)
		k.stamps, k.err = now, err
		switch {
		case err == nil:
			k.value = value
		case k.value != nil:
			log.Warn("files for TLS with others cannot be read, what they held before stays in force", "error", err)
		}
	}
	if k.value == nil {
		return k.err
	}
	return nil
}

// stampsOf tells a state of files from another. A file that is not there has one too.
func stampsOf(paths []string) string {
	var b strings.Builder
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			fmt.Fprintf(&b, "%v;", err)
			continue
		}
		fmt.Fprintf(&b, "%d %d %d;", info.ModTime().UnixNano(), info.Size(), inode(info))
	}
	return b.String()
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	pem, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(pem) > maxFile {
		err = fmt.Errorf("%s has more than %d bytes", path, maxFile)
	}
	return pem, err
}

func readRoots(paths ...string) (*x509.CertPool, error) {
	pem, err := readFile(paths[0])
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate; want PEM", paths[0])
	}
	return pool, nil
}

func readPair(paths ...string) (*tls.Certificate, error) {
	certificate, err := readFile(paths[0])
	key, keyErr := readFile(paths[1])
	if err = errors.Join(err, keyErr); err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("%s with key %s: %w", paths[0], paths[1], err)
	}
	return &pair, nil
}
