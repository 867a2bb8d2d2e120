package collector

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// ErrBusy says that another collector uses the directory.
var ErrBusy = errors.New("another collector uses the directory")

// claim makes dir and takes it for this process, until unlock or the process's end.
func claim(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the collector's directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the collector's directory: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", dir, ErrBusy)
		}
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return func() { _ = f.Close() }, nil // closing lets go
}

// sockets are the private ways from the gates to the receivers.
type sockets struct{ dir, grpc, http, zipkin, jaegerGRPC, jaegerHTTP string }

// maxSocketPath is what every system takes as the path of a Unix socket.
const maxSocketPath = 100

// socketsIn puts the sockets below dir, or, since their paths are limited, below the
// system's temporary directory if dir's is long, or has a colon: the receiver of Jaeger's
// protocols takes nothing but an address with a port for one.
func socketsIn(dir string) sockets {
	d := filepath.Join(dir, "run")
	if len(filepath.Join(d, "jaeger-grpc:1")) > maxSocketPath || strings.Contains(d, ":") {
		d = filepath.Join(os.TempDir(), fmt.Sprintf("sightline-%d-%08x", os.Getpid(), rand.Uint32()))
	}
	return sockets{
		dir: d, grpc: filepath.Join(d, "grpc.sock"), http: filepath.Join(d, "http.sock"), zipkin: filepath.Join(d, "zipkin.sock"),
		jaegerGRPC: filepath.Join(d, "jaeger-grpc:1"), jaegerHTTP: filepath.Join(d, "jaeger-http:1"),
	}
}

// make makes the sockets' directory, which only this user may enter.
func (s sockets) make() error {
	if err := os.RemoveAll(s.dir); err != nil {
		return fmt.Errorf("clear the collector's sockets: %w", err)
	}
	if err := os.Mkdir(s.dir, 0o700); err != nil {
		return fmt.Errorf("make the collector's sockets: %w", err)
	}
	return nil
}

func (s sockets) remove() { _ = os.RemoveAll(s.dir) } // nothing depends on it
