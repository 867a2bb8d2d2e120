package backup

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"slices"

	"github.com/sightline-mesh/sightline/controlplane/ca/seal"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

// maxLine bounds a line: a manifest with its events is less, and the CA with ten thousand
// join tokens too.
const maxLine = 64 << 20

// Errors that say what is wrong with a file.
var (
	ErrNoBackup  = errors.New("this is no backup of Sightline")
	ErrVersion   = errors.New("a newer program made this backup")
	ErrTruncated = errors.New("the file has no end: it was cut off")
	ErrChecksum  = errors.New("the file is not as it was written: its checksum is wrong")
	ErrMesh      = errors.New("the backup is of another mesh")
	ErrNotEmpty  = errors.New("there is a mesh already")
	ErrRunning   = errors.New("control planes are running")
)

// Backup is a file that was read whole and is as it was written.
type Backup struct {
	Header
	Revision int64
	Records  []store.Record

	sealed []byte
}

// Read takes a file apart. It changes nothing.
func Read(r io.Reader) (*Backup, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	b := &Backup{}
	if err := b.begin(lines); err != nil {
		return nil, err
	}
	sum := sha256.New()
	add(sum, lines.Bytes())
	for lines.Scan() {
		var l line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return nil, fmt.Errorf("%w: %w", b.damage(lines), err)
		}
		if l.End != nil {
			if err := b.finish(l.End, sum, lines); err != nil {
				return nil, err
			}
			return b, nil
		}
		add(sum, lines.Bytes())
		switch {
		case l.Record != nil && slices.Contains(plain, l.Record.Table):
			b.Records = append(b.Records, *l.Record)
		case l.Sealed != nil:
			b.sealed = l.Sealed
		default:
			return nil, fmt.Errorf("%w: a line that a backup does not have", ErrChecksum)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read backup: %w", err)
	}
	return nil, ErrTruncated
}

func add(sum hash.Hash, raw []byte) {
	_, _ = sum.Write(raw) // a hash takes everything
	_, _ = sum.Write([]byte{'\n'})
}

// Target is where a backup is put back.
type Target struct {
	Store *store.Store
	Mesh  string // its trust domain
	// Passphrase opens what is secret. Without one that is left out.
	Passphrase string
	Force      bool // in place of a mesh that is there
}

// Restored is what a restore has put back.
type Restored struct {
	Records int
	Secrets bool
	// KeyFile is to be put beside the state; nil if none is needed.
	KeyFile []byte
}

// Restore puts a backup into a store that holds no mesh, or in place of what it holds. No
// control plane may be running on it.
func (b *Backup) Restore(ctx context.Context, to Target) (Restored, error) {
	if b.Mesh != to.Mesh {
		return Restored{}, fmt.Errorf("restore: %w: trust domain %q, want %q", ErrMesh, b.Mesh, to.Mesh)
	}
	hidden, err := b.open(ctx, to.Passphrase)
	if err != nil {
		return Restored{}, fmt.Errorf("restore: %w", err)
	}
	if err := vacant(ctx, to); err != nil {
		return Restored{}, fmt.Errorf("restore: %w", err)
	}
	records, keep := slices.Concat(b.Records, hidden.Records), []string{}
	if to.Passphrase == "" {
		keep = secret
	}
	if err := to.Store.Restore(ctx, keep, records); err != nil {
		return Restored{}, err
	}
	return Restored{Records: len(records), Secrets: to.Passphrase != "", KeyFile: hidden.KeyFile}, nil
}

// Member is where a backup is put back into one of several embedded members.
type Member struct {
	Dir  string // of its store
	Etcd store.Member
	// Word tells this time from others at which the same backup was put back.
	Word string
	Log  *slog.Logger
}

// RestoreMember makes of a backup the directory of a member, on which nothing may be
// running. It is done for each by itself, before the first is started.
func (b *Backup) RestoreMember(ctx context.Context, m Member, to Target) (Restored, error) {
	if b.Mesh != to.Mesh {
		return Restored{}, fmt.Errorf("restore: %w: trust domain %q, want %q", ErrMesh, b.Mesh, to.Mesh)
	}
	hidden, err := b.open(ctx, to.Passphrase)
	if err != nil {
		return Restored{}, fmt.Errorf("restore: %w", err)
	}
	if to.Force && to.Passphrase == "" { // a member's state is replaced as a whole
		return Restored{}, errors.New("restore: in place of a member's state the CA has to come from the backup: give its passphrase")
	}
	records := slices.Concat(b.Records, hidden.Records)
	err = store.Build(ctx, store.Building{Dir: m.Dir, Member: m.Etcd, Records: records, Word: m.Word, Force: to.Force}, m.Log)
	if errors.Is(err, store.ErrExists) {
		err = fmt.Errorf("%w: give --force to put the backup in its place: %w", ErrNotEmpty, err)
	}
	if err != nil {
		return Restored{}, fmt.Errorf("restore: %w", err)
	}
	return Restored{Records: len(records), Secrets: to.Passphrase != "", KeyFile: hidden.KeyFile}, nil
}

func vacant(ctx context.Context, to Target) error {
	running, err := to.Store.Holds(ctx, store.Replicas)
	if err != nil {
		return err
	}
	if len(running) > 0 {
		return fmt.Errorf("%w on this store: end them first", ErrRunning)
	}
	there, err := to.Store.Holds(ctx, slices.Concat(plain, secret)...)
	if err != nil || to.Force || len(there) == 0 {
		return err
	}
	if unfinished := to.Store.Restored(ctx); errors.Is(unfinished, store.ErrRestoring) {
		return nil // what is there is the beginning of a restore
	}
	return fmt.Errorf("%w, with %v: give --force to put the backup in its place", ErrNotEmpty, there)
}

func (b *Backup) begin(lines *bufio.Scanner) error {
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &b.Header) != nil || b.Format != format {
		return ErrNoBackup
	}
	if b.Version != current {
		return fmt.Errorf("%w: its format is version %d, and this program reads version %d", ErrVersion, b.Version, current)
	}
	return nil
}

// damage tells a last line that was cut off from one that was changed.
func (*Backup) damage(lines *bufio.Scanner) error {
	if lines.Scan() {
		return ErrChecksum
	}
	return ErrTruncated
}

func (b *Backup) finish(e *end, sum hash.Hash, lines *bufio.Scanner) error {
	if hex.EncodeToString(sum.Sum(nil)) != e.SHA256 || e.Records != len(b.Records) || lines.Scan() {
		return ErrChecksum
	}
	if b.Secrets != (b.sealed != nil) {
		return ErrChecksum
	}
	b.Revision = e.Revision
	return nil
}

// open is what is secret; nothing where none is wanted.
func (b *Backup) open(ctx context.Context, passphrase string) (secrets, error) {
	if passphrase == "" {
		return secrets{}, nil
	}
	if b.sealed == nil {
		return secrets{}, errors.New("a passphrase is given, but the backup was made without the CA")
	}
	raw, err := seal.NewRing(passphrase, "").Decrypt(ctx, b.sealed, about(b.Mesh))
	if err != nil {
		return secrets{}, err
	}
	var out secrets
	if err := json.Unmarshal(raw, &out); err != nil {
		return secrets{}, fmt.Errorf("read the CA: %w", err)
	}
	for _, r := range out.Records {
		if !slices.Contains(secret, r.Table) {
			return secrets{}, fmt.Errorf("table %q: not known to backups", r.Table)
		}
	}
	return out, nil
}
