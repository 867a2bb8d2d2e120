// Package cold is the second disk of the embedded store, where what is old goes: a directory
// of another file system, or an S3 bucket.
//
// Which one it is is written down beside the store. A store whose parts lie on a disk that it
// does not find would answer without them, or not start with words that nobody understands;
// so a directory has a mark by which it is known again, and a disk that is wanted no more
// stays until all that lies there has been brought back.
package cold

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/sightline-mesh/sightline/collector/store/engine"
)

// Disk is the cold disk of a store.
type Disk struct {
	Config
	id      string
	file    string // that tells of it
	known   bool   // parts may lie there
	leaving bool   // nobody wants it any more
	key     *engine.Credentials
}

// Place is where it is, for people.
func (d *Disk) Place() string { return d.Path + d.S3 }

// Leaving reports whether the disk is here for what lies there alone.
func (d *Disk) Leaving() bool { return d.leaving }

// Engine is the disk as the engine is told of it.
func (d *Disk) Engine() *engine.Cold {
	return &engine.Cold{Dir: d.Path, URL: d.S3, Credentials: d.key, CacheBytes: d.CacheBytes, Known: d.known, Leaving: d.leaving}
}

// Tables are the directories below which the engine keeps tables' directories on the disk.
func (d *Disk) Tables(data string) string {
	if d.Path != "" {
		return d.Path
	}
	return filepath.Join(data, engine.ColdMetadata)
}

// Begin writes down that the engine is to start with the disk, so that its mark is known
// again; Used, that it has.
func (d *Disk) Begin() error {
	if err := d.write(d.known); err != nil || d.Path == "" || d.known {
		return err
	}
	if err := os.WriteFile(d.mark(), []byte(d.id+"\n"), 0o600); err != nil {
		return fmt.Errorf("cold-path: %w", err)
	}
	return nil
}

// Used writes down that parts may lie on the disk from now on.
func (d *Disk) Used() error {
	if d.known {
		return nil
	}
	d.known = true
	return d.write(true)
}

// Left writes down that nothing lies on the disk any more. Killed between the two, it leaves
// a mark of no store, which the next one that is to have the path says how to remove; the
// other way around, the store would not start.
func (d *Disk) Left() error {
	if err := os.Remove(d.file); err != nil {
		return fmt.Errorf("forget the cold disk: %w", err)
	}
	if d.Path == "" {
		return nil
	}
	if err := os.Remove(d.mark()); err != nil {
		return fmt.Errorf("forget the cold disk: %w", err)
	}
	return nil
}

// There reports whether the disk is where it was: that its files are not says nothing of
// them if it is not.
func (d *Disk) There() error {
	if d.Path == "" {
		return nil // what S3 says of an object is true
	}
	if _, err := os.Stat(d.mark()); err != nil {
		return d.missing()
	}
	return nil
}

// answerWithin is how long S3 may take to say anything at all.
const answerWithin = 3 * time.Second

// Away says whether S3 does not answer, as why the engine does not start with it.
func (d *Disk) Away(ctx context.Context) error {
	if d.S3 == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodHead, d.S3, http.NoBody)
	if err != nil {
		return fmt.Errorf("cold-s3: %w", err)
	}
	var alone http.Transport // which leaves no connection behind
	defer alone.CloseIdleConnections()
	answer, err := alone.RoundTrip(r)
	if err != nil {
		return fmt.Errorf("cold-s3: %s does not answer, and not all that the engine reads of it to start is in the cache: %w", d.S3, err)
	}
	_ = answer.Body.Close()
	return nil
}
