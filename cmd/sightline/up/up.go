package up

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/sightline-mesh/sightline/cmd/sightline/supervise"
	"github.com/sightline-mesh/sightline/ui"
)

// Mesh is a whole mesh on one machine.
type Mesh struct {
	// Set by New and never changed.
	c            Config
	dsn          string
	store        *supervise.Child // nil with a ClickHouse server
	controlPlane *supervise.Child
	closeLogs    func()

	ready chan struct{} // closed when ui and the rest are assembled

	mu      sync.Mutex
	ui      *ui.UI // nil until assembled
	missing string // what keeps ready open, and why
}

// New prepares the directory and the processes. It starts nothing.
func New(c Config) (*Mesh, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make state directory: %w", err)
	}
	m := &Mesh{c: c, dsn: c.ClickHouse, ready: make(chan struct{})}
	m.missing = "this process: it has not started yet"
	storeLog, closeStore, err := c.output("store")
	if err != nil {
		return nil, err
	}
	planeLog, closePlane, err := c.output("controlplane")
	if err != nil {
		return nil, err
	}
	m.closeLogs = func() { closeStore(); closePlane() }
	if m.dsn == "" {
		passwordFile := filepath.Join(c.Dir, "store.password")
		password, err := storePassword(passwordFile)
		if err != nil {
			return nil, err
		}
		m.store = c.storeProcess(passwordFile, storeLog)
		m.dsn = c.storeAddress(password)
	}
	m.controlPlane = c.controlPlaneProcess(planeLog)
	return m, nil
}

// URL is where the web app is, once the mesh is ready.
func (m *Mesh) URL() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ui.URL()
}

// SignInLink signs one browser in, once; it is there when the mesh is ready.
func (m *Mesh) SignInLink() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ui.SignInLink()
}

// PIDs are the mesh's own processes by name.
func (m *Mesh) PIDs() map[string]int {
	out := map[string]int{"sightline up": os.Getpid(), "controlplane": m.controlPlane.PID()}
	if m.store != nil {
		out["store"] = m.store.PID()
	}
	return out
}

// Run runs the mesh until ctx ends or a part fails for good. The store and the
// control plane outlive the rest by their grace, so that what is queued is stored and
// the last changes are kept. A process that gives up at its first start ends all.
func (m *Mesh) Run(ctx context.Context) error {
	defer m.closeLogs()
	unlock, err := lock(filepath.Join(m.c.Dir, "up.lock"))
	if err != nil {
		return err
	}
	defer unlock()
	before := m.predecessor() // its children hold directories and ports
	before.await(ctx)
	alive, fail := context.WithCancel(ctx)
	defer fail()
	below, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	var children errgroup.Group
	for _, c := range []*supervise.Child{m.store, m.controlPlane} {
		if c == nil {
			continue
		}
		children.Go(func() error {
			defer fail()
			return c.Run(below)
		})
	}
	err = m.roles(alive)
	end()
	return errors.Join(err, children.Wait())
}
