package push

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/wire"
)

const snapshotFile = "snapshot.pb"

// restore puts the last accepted set in force. It may be old, but calls answered
// by old routes beat calls not answered; the first push replaces it.
func (c *Client) restore() {
	if c.cfg.Dir == "" {
		return
	}
	saved, snaps, err := readSaved(filepath.Join(c.cfg.Dir, snapshotFile))
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err == nil {
		err = c.apply(snaps)
	}
	if err != nil {
		c.cfg.Logger.Warn("set on disk is of no use", "reason", err)
		return
	}
	c.Subscribe(wire.ToServices(saved.GetServices())...)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status.Version, c.status.Changed = saved.GetVersion(), time.Now()
}

func readSaved(path string) (*wire.Push, []mesh.Snapshot, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	var saved wire.Push
	if err := proto.Unmarshal(raw, &saved); err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", path, err)
	}
	var snaps []mesh.Snapshot
	for _, w := range saved.GetSnapshots() {
		s, err := wire.ToSnapshot(w)
		if err != nil {
			return nil, nil, fmt.Errorf("read %s: %w", path, err)
		}
		snaps = append(snaps, s)
	}
	return &saved, snaps, nil
}

// save keeps the set as a push, whose services are those this sidecar asked for:
// the others come along when those are asked for again.
func (c *Client) save(version uint64, snaps []mesh.Snapshot) error {
	if c.cfg.Dir == "" {
		return nil
	}
	saved := &wire.Push{Version: version, Services: wire.FromServices(c.services())}
	for _, s := range snaps {
		saved.Snapshots = append(saved.Snapshots, wire.FromSnapshot(s))
	}
	raw, err := proto.Marshal(saved)
	if err != nil {
		return fmt.Errorf("save set: %w", err)
	}
	if err := os.MkdirAll(c.cfg.Dir, 0o700); err != nil {
		return fmt.Errorf("save set: %w", err)
	}
	path := filepath.Join(c.cfg.Dir, snapshotFile)
	if err := os.WriteFile(path+".new", raw, 0o600); err != nil {
		return fmt.Errorf("save set: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("save set: %w", err)
	}
	return nil
}
