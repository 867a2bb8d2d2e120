package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// disk is where the data lies: a file system of its own in a file, or a directory.
type disk struct {
	dir     string // of the data
	remove  string // all that was made
	mounted bool
}

// newDisk makes a directory below dir, and a file system of so many MiB in it.
func newDisk(ctx context.Context, dir string, size int) (*disk, error) {
	base, err := os.MkdirTemp(dir, "sightline-loss-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for the data: %w", err)
	}
	d := &disk{dir: filepath.Join(base, "data"), remove: base}
	if err := d.make(ctx, size); err != nil {
		return nil, errors.Join(fmt.Errorf("make a disk for the data: %w", err), d.drop())
	}
	return d, nil
}

func (d *disk) make(ctx context.Context, size int) error {
	if err := os.Mkdir(d.dir, 0o700); err != nil || size == 0 {
		return err
	}
	image := filepath.Join(d.remove, "image")
	for _, command := range [][]string{
		{"truncate", "-s", fmt.Sprint(size, "M"), image},
		{"mkfs.ext4", "-q", "-F", image},
		{"mount", "-o", "loop", image, d.dir},
	} {
		if out, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", command[0], err, out)
		}
	}
	d.mounted = true
	return nil
}

// drop removes everything.
func (d *disk) drop() error {
	if d.mounted {
		if err := syscall.Unmount(d.dir, 0); err != nil {
			return fmt.Errorf("unmount %s: %w", d.dir, err)
		}
	}
	return os.RemoveAll(d.remove)
}

// fill leaves no byte free, until release.
func (d *disk) fill() (release func() error, err error) {
	f, err := os.Create(filepath.Join(d.dir, "filler"))
	if err != nil {
		return nil, fmt.Errorf("fill the disk: %w", err)
	}
	release = func() error { return errors.Join(f.Close(), os.Remove(f.Name())) }
	if _, err := io.Copy(f, zeros{}); !errors.Is(err, syscall.ENOSPC) {
		return nil, errors.Join(fmt.Errorf("fill the disk: %w, want no space left", err), release())
	}
	return release, nil
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

// used is how many bytes of the data there are.
func (d *disk) used() (n int64, err error) {
	err = filepath.WalkDir(d.dir, func(_ string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if errors.Is(err, os.ErrNotExist) {
			return nil // the engine has merged it away
		}
		if err == nil {
			n += info.Size()
		}
		return err
	})
	return n, err
}
