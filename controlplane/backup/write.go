package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/ca/seal"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

const (
	format  = "sightline-backup"
	current = 1 // version of the format
)

// Which tables are in a backup. One that is in none of these lists fails it: whether it
// is secret must be decided first.
var (
	plain  = []string{store.Resources, store.History, store.Verdicts, store.Events, store.Traffic, store.Settings, store.Staged, store.Pending}
	secret = []string{store.Authority, store.Tokens} // a token is good with its authority alone
	left   = []string{store.Leaves, store.Holders, store.Instances, store.Streams, store.Replicas, store.Offices, store.Duties, store.Marks, store.Epoch}
)

// Header begins a file.
type Header struct {
	Format  string    `json:"format"`
	Version int       `json:"version"`
	Mesh    string    `json:"mesh"` // its trust domain
	Epoch   string    `json:"epoch"`
	Made    time.Time `json:"made"`
	Secrets bool      `json:"secrets"` // the CA and join tokens are in it
}

// line is any line after the header; one part of it is set.
type line struct {
	Record *store.Record `json:"record,omitempty"`
	Sealed []byte        `json:"sealed,omitempty"` // secrets
	End    *end          `json:"end,omitempty"`
}

type secrets struct {
	Records []store.Record `json:"records"`
	// KeyFile opens the authority's keys, where a file does and no passphrase.
	KeyFile []byte `json:"keyFile,omitempty"`
}

type end struct {
	Records  int    `json:"records"`
	Revision int64  `json:"revision"`
	SHA256   string `json:"sha256"` // of all lines before
}

// Order says what a backup is to be of.
type Order struct {
	Mesh string
	// Passphrase seals what is secret; without one that is left out.
	Passphrase string
	// KeyFile is what opens the authority's keys, if a file does.
	KeyFile []byte
}

// Write makes a backup of a store.
func Write(ctx context.Context, w io.Writer, s *store.Store, o Order) error {
	if err := s.Restored(ctx); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	epoch, err := s.Epoch(ctx)
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	out := &writer{to: w, sum: sha256.New()}
	out.line(Header{format, current, o.Mesh, epoch, time.Now().UTC(), o.Passphrase != ""})
	hidden := secrets{KeyFile: o.KeyFile}
	last := end{}
	last.Revision, err = s.Dump(ctx, func(r store.Record) error {
		switch {
		case slices.Contains(plain, r.Table):
			last.Records++
			out.line(line{Record: &r})
		case slices.Contains(secret, r.Table):
			hidden.Records = append(hidden.Records, r)
		case !slices.Contains(left, r.Table):
			return fmt.Errorf("table %q: not known to backups", r.Table)
		}
		return out.err
	})
	if err == nil && o.Passphrase != "" {
		err = out.seal(ctx, hidden, o)
	}
	if err == nil {
		last.SHA256 = hex.EncodeToString(out.sum.Sum(nil))
		out.line(line{End: &last})
	}
	if err = errors.Join(err, out.err); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	return nil
}

// writer keeps the first error and the checksum.
type writer struct {
	to  io.Writer
	sum hash.Hash
	err error
}

func (w *writer) line(v any) {
	raw, err := json.Marshal(v)
	if err == nil && w.err == nil {
		raw = append(raw, '\n')
		_, _ = w.sum.Write(raw) // a hash takes everything
		_, err = w.to.Write(raw)
	}
	w.err = errors.Join(w.err, err)
}

func (w *writer) seal(ctx context.Context, hidden secrets, o Order) error {
	raw, err := json.Marshal(hidden)
	if err != nil {
		return err
	}
	sealed, err := seal.NewRing(o.Passphrase, "").Encrypt(ctx, raw, about(o.Mesh))
	w.line(line{Sealed: sealed})
	return err
}

func about(mesh string) string { return "backup of " + mesh }
