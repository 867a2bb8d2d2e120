package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"go.etcd.io/etcd/etcdutl/v3/snapshot"
	"go.uber.org/zap"
)

// Building is what is made of records: the directory of one embedded member of several.
type Building struct {
	Dir     string // as in Config
	Member  Member // its name and all peers
	Records []Record
	// Word tells members that are built of the same records apart from those that were
	// built of them another time: of the latter none may be left.
	Word string
	// Force puts it in the place of what is in Dir, which stays beside it.
	Force bool
}

// Build makes the directory of a member, with nothing else running on it. The others need
// not be there: each is built by itself, of the same records, and then all are started. They
// are another cluster than before, and one that was left out is kept out by them.
func Build(ctx context.Context, b Building, log *slog.Logger) error {
	if err := b.build(ctx, log); err != nil {
		return fmt.Errorf("build member %s in %s: %w", b.Member.Name, b.Dir, err)
	}
	return nil
}

func (b Building) build(ctx context.Context, log *slog.Logger) error {
	peers, err := b.Member.peers()
	if err != nil {
		return err
	}
	if peers[b.Member.Name] == nil {
		return fmt.Errorf("etcd-name: %q is none of the peers", b.Member.Name)
	}
	if err := os.MkdirAll(b.Dir, 0o700); err != nil {
		return err
	}
	lock, err := lockDir(b.Dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	data, scratch := filepath.Join(b.Dir, dataDir), filepath.Join(b.Dir, "building")
	if _, err := os.Stat(data); err == nil && !b.Force {
		return fmt.Errorf("%w: %s holds a state", ErrExists, data)
	}
	if err := os.RemoveAll(scratch); err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	db, err := b.alone(ctx, filepath.Join(scratch, "alone"), log)
	if err != nil {
		return err
	}
	made := filepath.Join(scratch, "member")
	if err := snapshot.NewV3(zap.NewNop()).Restore(snapshot.RestoreConfig{
		SnapshotPath: db, SkipHashCheck: true, // it is a file of an etcd that has ended in order
		Name: b.Member.Name, PeerURLs: []string{peers[b.Member.Name].String()},
		InitialCluster: b.Member.Peers, InitialClusterToken: b.token(), OutputDataDir: made,
	}); err != nil {
		return err
	}
	return swap(data, made)
}

// alone puts the records into an etcd of one member, and is its database. All members that
// are built of the same records have the same in it, down to the revisions.
func (b Building) alone(ctx context.Context, dir string, log *slog.Logger) (string, error) {
	s, err := Open(ctx, Config{Dir: dir, Logger: log})
	if err != nil {
		return "", err
	}
	err = errors.Join(s.load(ctx, b.Records), s.Close())
	return filepath.Join(dir, dataDir, "member", "snap", "db"), err
}

// token has other records, and another word, make another cluster.
func (b Building) token() string {
	sum := sha256.New()
	out := json.NewEncoder(sum)
	_ = errors.Join(out.Encode(b.Word), out.Encode(b.Records)) // a hash takes everything, and both have come from JSON
	return "sightline-" + hex.EncodeToString(sum.Sum(nil))
}

// swap puts what was made in the place of what is there, which is kept until the next time.
func swap(data, made string) error {
	before := data + ".before"
	if _, err := os.Stat(data); err == nil {
		if err := os.RemoveAll(before); err != nil {
			return err
		}
	}
	if err := os.Rename(data, before); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Rename(made, data)
}
