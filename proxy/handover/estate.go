package handover

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Variable names the environment variable that makes a process an heir.
const Variable = "SIGHTLINE_HANDOVER"

// firstFD is the descriptor after standard error.
const firstFD = 3

// Will is what an heir is told in words.
type Will struct {
	// Workload must be the heir's too: service, namespace and version.
	Workload string `json:"workload"`
	// State is what the mesh was told last of the instance.
	State mesh.InstanceState `json:"state"`
	// Listeners are the names of those that are handed over, in their order.
	Listeners []string `json:"listeners"`
}

// Estate is what a process hands over as descriptors, and what its heir finds.
type Estate struct {
	Will Will
	// Control connects the heir with the process that started it, for its whole life.
	Control *os.File
	// Lock is that of the state directory: it is held as long as any process has it.
	Lock *os.File
	// Take brings idle connections from the process before.
	Take *os.File
	// Give leads to the heir's own heir, when there is one.
	Give *os.File
	// Listeners are in the order of their names.
	Listeners []*os.File
}

// Files are the descriptors that the heir starts with, from 3 on.
func (e *Estate) Files() []*os.File {
	var all []*os.File
	for _, f := range e.fixed() {
		all = append(all, *f)
	}
	return append(all, e.Listeners...)
}

// Environ is the environment of the heir.
func (e *Estate) Environ(own []string) ([]string, error) {
	b, err := json.Marshal(e.Will)
	if err != nil {
		return nil, fmt.Errorf("describe what is handed over: %w", err)
	}
	return append(slices.Clip(own), Variable+"="+string(b)), nil
}

// Close closes this process's copies.
func (e *Estate) Close() error {
	var bad []error
	for _, f := range e.Files() {
		if f != nil {
			bad = append(bad, f.Close())
		}
	}
	return errors.Join(bad...)
}

// Inherited is what this process has to go on with; nil if it is nobody's heir. It may
// be called once: the variable is gone from the environment then.
func Inherited() (*Estate, error) {
	said, ok := os.LookupEnv(Variable)
	if !ok {
		return nil, nil //nolint:nilnil // no estate is no error
	}
	if err := os.Unsetenv(Variable); err != nil {
		return nil, fmt.Errorf("%s: %w", Variable, err)
	}
	var e Estate
	if err := json.Unmarshal([]byte(said), &e.Will); err != nil {
		return nil, fmt.Errorf("%s: %w", Variable, err)
	}
	fd := firstFD
	open := func(name string) (*os.File, error) {
		f := os.NewFile(uintptr(fd), name)
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, unix.FD_CLOEXEC); err != nil {
			return nil, fmt.Errorf("%s: descriptor %d, %s: %w", Variable, fd, name, err)
		}
		fd++
		return f, nil
	}
	var err error
	for i, into := range e.fixed() {
		if *into, err = open([]string{"control", "lock", "take", "give"}[i]); err != nil {
			return nil, err
		}
	}
	for _, name := range e.Will.Listeners {
		f, err := open(name)
		if err != nil {
			return nil, err
		}
		e.Listeners = append(e.Listeners, f)
	}
	return &e, nil
}

// Listener makes a listener of the one with a name, nil if none was handed over.
func (e *Estate) Listener(name string) (net.Listener, error) {
	for i, n := range e.Will.Listeners {
		if n != name {
			continue
		}
		l, err := net.FileListener(e.Listeners[i])
		if err != nil {
			return nil, fmt.Errorf("go on listening for %s: %w", name, err)
		}
		return l, nil
	}
	return nil, nil //nolint:nilnil // none is no error
}

// fixed are the descriptors that come before the listeners.
func (e *Estate) fixed() []**os.File { return []**os.File{&e.Control, &e.Lock, &e.Take, &e.Give} }
