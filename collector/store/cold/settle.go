package cold

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// record is what is written down of a disk beside the store.
type record struct {
	ID    string `json:"id"`
	Path  string `json:"path,omitempty"`
	S3    string `json:"s3,omitempty"`
	File  string `json:"credentialsFile,omitempty"`
	Cache int64  `json:"cacheBytes,omitempty"`
	Used  bool   `json:"used"` // the engine has started with it
}

const (
	recordName = "cold.json"
	markName   = "sightline-cold"
)

// Settle finds the disk that the store in a directory is to have: the wished one, or one that
// parts may still lie on. None of either is nil. What is not as it was is refused, and
// nothing is changed then.
func Settle(c Config, dir string) (*Disk, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	d := &Disk{Config: c, file: filepath.Join(dir, recordName)}
	last, err := d.last()
	if err != nil {
		return nil, err
	}
	if c.Path == "" && c.S3 == "" {
		if !last.Used {
			return nil, nil
		}
		d.leaving = true
		d.Config = Config{Path: last.Path, S3: last.S3, CredentialsFile: last.File, CacheBytes: last.Cache}
	}
	d.id, d.known = last.ID, last.Used
	if d.id == "" {
		d.id = rand.Text()
	}
	if d.Path != "" {
		err = d.settlePath(last, dir)
	} else {
		err = d.settleS3(last)
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

func (d *Disk) last() (r record, err error) {
	b, err := os.ReadFile(d.file)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	if err != nil {
		return r, fmt.Errorf("read which cold disk the store has: %s: %w", d.file, err)
	}
	return r, nil
}

func (d *Disk) settlePath(last record, dir string) (err error) {
	if last.Used && last.Path == "" {
		return fmt.Errorf("cold-path: old days of the store lie in %s: start it without cold-path once, and wait until they are brought back", last.S3)
	}
	if d.Path, err = filepath.Abs(d.Path); err != nil {
		return fmt.Errorf("cold-path: %w", err)
	}
	if err := d.apart(dir); err != nil {
		return err
	}
	mark, err := os.ReadFile(d.mark())
	switch {
	case err == nil && strings.TrimSpace(string(mark)) != d.id:
		return fmt.Errorf("cold-path: %s is another store's: its %s says so. Remove that file if no store has old days there", d.Path, markName)
	case errors.Is(err, fs.ErrNotExist) && last.Used:
		return d.missing()
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("cold-path: %w", err)
	}
	return nil
}

// missing says that a directory is not the one that parts lie in.
func (d *Disk) missing() error {
	return fmt.Errorf("cold-path: %s has no %s: it is not the directory that old days of the store lie in. Is its file system mounted?", d.Path, markName)
}

// apart refuses a directory that is not there, or that is one with the store's.
func (d *Disk) apart(dir string) error {
	here, err := filepath.EvalSymlinks(d.Path)
	if err != nil {
		return fmt.Errorf("cold-path: want a directory that is there: %w", err)
	}
	if info, err := os.Stat(here); err != nil || !info.IsDir() {
		return fmt.Errorf("cold-path: %s: want a directory", d.Path)
	}
	if dir, err = filepath.Abs(dir); err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return fmt.Errorf("find store directory: %w", err)
	}
	if within(here, dir) || within(dir, here) {
		return fmt.Errorf("cold-path: %s and the store's directory %s: want neither within the other", d.Path, dir)
	}
	return nil
}

func within(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}

func (d *Disk) settleS3(last record) (err error) {
	d.S3 = strings.TrimRight(d.S3, "/") + "/"
	if last.Used && last.S3 != d.S3 {
		return fmt.Errorf("cold-s3: old days of the store lie in %s: start it without cold-s3 once, and wait until they are brought back", last.place())
	}
	if d.CredentialsFile == "" {
		return nil
	}
	if d.CredentialsFile, err = filepath.Abs(d.CredentialsFile); err != nil {
		return fmt.Errorf("cold-s3-credentials-file: %w", err)
	}
	if d.key, err = readKey(d.CredentialsFile); err != nil {
		return fmt.Errorf("cold-s3-credentials-file: %w", err)
	}
	return nil
}

func (r record) place() string { return r.Path + r.S3 } // one is empty

func (d *Disk) mark() string { return filepath.Join(d.Path, markName) }

func (d *Disk) write(used bool) error {
	text, err := json.Marshal(record{ID: d.id, Path: d.Path, S3: d.S3, File: d.CredentialsFile, Cache: d.CacheBytes, Used: used})
	if err != nil {
		return fmt.Errorf("write down the cold disk: %w", err)
	}
	draft := d.file + ".draft"
	if err := os.WriteFile(draft, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("write down the cold disk: %w", err)
	}
	if err := os.Rename(draft, d.file); err != nil {
		return fmt.Errorf("write down the cold disk: %w", err)
	}
	return nil
}
