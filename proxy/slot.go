package proxy

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// slot is a directory that this sidecar alone uses, and the instance name that goes
// with it: a sidecar that is started again is the same instance, and finds its
// certificate and its last good snapshot.
type slot struct {
	dir      string
	instance string
	lock     *os.File
}

// maxSlots bounds the copies of one version of a service on one machine that need
// not be given a directory by hand.
const maxSlots = 1000

var errBusy = errors.New("in use by another sidecar")

// takeSlot takes the directory that was asked for, or the first free one of this
// service's and version's.
func takeSlot(c Config) (*slot, error) {
	if c.Dir != "" {
		return openSlot(c.Dir, c)
	}
	base, err := stateDir()
	if err != nil {
		return nil, err
	}
	name := strings.Trim(c.Namespace+"-"+c.Service+"-"+c.Version, "-")
	for n := 1; n <= maxSlots; n++ {
		s, err := openSlot(filepath.Join(base, "proxies", name+"-"+strconv.Itoa(n)), c)
		if !errors.Is(err, errBusy) {
			return s, err
		}
	}
	return nil, fmt.Errorf("find a state directory: %d copies of %s run here already; give --dir", maxSlots, name)
}

func openSlot(dir string, c Config) (*slot, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make state directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open state directory: %w", err)
	}
	// The kernel lets go of the lock when the process dies, however it dies.
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = errBusy
		}
		return nil, errors.Join(fmt.Errorf("take state directory %s: %w", dir, err), f.Close())
	}
	s := &slot{dir: dir, lock: f}
	if s.instance, err = s.name(c); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return s, nil
}

// inheritSlot goes on in the directory of the process before, which has locked it.
func inheritSlot(c Config, lock *os.File) (*slot, error) {
	if c.Dir == "" {
		return nil, errors.New("dir: must be given to go on in it")
	}
	s := &slot{dir: c.Dir, lock: lock}
	var err error
	s.instance, err = s.name(c)
	return s, err
}

// name is the instance's: as asked for, as last time, or made up.
func (s *slot) name(c Config) (string, error) {
	path := filepath.Join(s.dir, "instance")
	name := c.Instance
	if name == "" {
		b, err := os.ReadFile(path)
		if err == nil {
			return strings.TrimSpace(string(b)), nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("read instance name: %w", err)
		}
		parts := []string{c.Service, c.Version, strings.ToLower(rand.Text()[:6])}
		name = strings.Join(parts, "-")
		if c.Version == "" {
			name = c.Service + "-" + parts[2]
		}
	}
	if err := os.WriteFile(path, []byte(name+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("keep instance name: %w", err)
	}
	return name, nil
}

func (s *slot) release() { _ = s.lock.Close() } // closing lets go

// stateDir is $XDG_STATE_HOME/sightline, or its usual place.
func stateDir() (string, error) {
	if d := os.Getenv("XDG_STATE_HOME"); d != "" {
		return filepath.Join(d, "sightline"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find a state directory: %w; give --dir", err)
	}
	return filepath.Join(home, ".local", "state", "sightline"), nil
}
