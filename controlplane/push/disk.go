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

// good is what was accepted last of each half of a push.
type good struct {
	version uint64
	snaps   []mesh.Snapshot
	inbound *wire.Inbound // nil before any
	unsaved bool
}

// restore puts the last accepted set in force. It may be old, but calls answered
// by old routes beat calls not answered; the first push replaces it.
func (c *Client) restore() {
	if c.cfg.Dir == "" {
		return
	}
	path := filepath.Join(c.cfg.Dir, snapshotFile)
	saved, snaps, err := readSaved(path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err == nil {
		err = errors.Join(c.restoreInbound(saved.GetInbound()), c.apply(snaps))
	}
	if err != nil {
		c.cfg.Logger.Warn("set on disk is of no use", "reason", err)
		return
	}
	c.good.version, c.good.snaps = saved.GetVersion(), snaps
	c.Subscribe(wire.ToServices(saved.GetServices())...)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status.Version, c.status.Changed = saved.GetVersion(), time.Now()
	c.status.Stale = c.status.Changed
	if info, err := os.Stat(path); err == nil {
		c.status.Stale = info.ModTime()
	}
}

// vouched leaves on disk that the set there was right until now. Where that fails, the
// set counts as older than it is.
func (c *Client) vouched() {
	if c.cfg.Dir != "" {
		_ = os.Chtimes(filepath.Join(c.cfg.Dir, snapshotFile), time.Time{}, time.Now())
	}
}

func (c *Client) restoreInbound(in *wire.Inbound) error {
	if in == nil || c.cfg.Inbound == nil {
		return nil
	}
	if err := c.guard(wire.ToInbound(in)); err != nil {
		return err
	}
	c.good.inbound = in
	return nil
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
	if len(raw) == 0 { // the machine went down before the file was written out
		return nil, nil, fmt.Errorf("read %s: the file is empty", path)
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

// save keeps what is in force as a push, whose services are those this sidecar
// asked for: the others come along when those are asked for again.
func (c *Client) save() error {
	if c.cfg.Dir == "" || !c.good.unsaved {
		return nil
	}
	saved := &wire.Push{Version: c.good.version, Services: wire.FromServices(c.Services()), Inbound: c.good.inbound}
	for _, s := range c.good.snaps {
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
	c.good.unsaved = false
	return nil
}
