package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/sightline-mesh/sightline/controlplane"
	"github.com/sightline-mesh/sightline/controlplane/backup"
	"github.com/sightline-mesh/sightline/controlplane/store"
)

// restoreTime bounds a restore: a store that does not answer is no reason to wait for ever.
const restoreTime = 10 * time.Minute

// restoreFlags are what a person says of a restore.
type restoreFlags struct {
	etcd       etcdFlags
	passphrase string
	again      string
	to         backup.Target
}

func newBackupRestore(g *globals) *cobra.Command {
	var r restoreFlags
	c := &cobra.Command{
		Use:   "restore file",
		Short: "Put a backup back into a state that is empty, with no control plane running on it",
		Long: "Put a backup back: into the embedded etcd below --dir, or an etcd cluster (--etcd). A state that\n" +
			"holds a mesh is refused without --force, and one that a control plane is running on in any case.\n" +
			"Embedded etcds that form a cluster (--etcd-name, --etcd-peers) are put back one by one: run it with\n" +
			"the same file on the machine of each, with all control planes ended, then start them.",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			done, err := r.run(c, g, args[0])
			if err != nil {
				return err
			}
			ca := "without the CA"
			if done.Secrets {
				ca = "with the CA and join tokens"
			}
			c.Printf("%d records are back, %s\n", done.Records, ca)
			if r.etcd.member.Name != "" {
				c.Printf("member %s is ready; start it when every other one of %s has had the same\n", r.etcd.member.Name, r.etcd.member.Peers)
			}
			return nil
		},
	}
	f := c.Flags()
	r.etcd.registerCluster(f)
	r.etcd.registerMember(f)
	f.StringVar(&r.again, "again", "", "any word, the same on all members: to put the same backup back once more into members that it was put into before")
	f.StringVar(&r.to.Mesh, "trust-domain", "mesh.local", "name of the mesh; a backup of another is refused")
	f.StringVar(&r.passphrase, "passphrase-file", "", "file with the passphrase that the CA and join tokens were sealed with (default: they are left out)")
	f.BoolVar(&r.to.Force, "force", false, "in place of the mesh that is there")
	return c
}

func (r *restoreFlags) run(c *cobra.Command, g *globals, path string) (done backup.Restored, err error) {
	if r.to.Passphrase, err = passphraseIn(r.passphrase); err != nil {
		return done, err
	}
	file, err := os.Open(path)
	if err != nil {
		return done, fmt.Errorf("restore: %w", err)
	}
	b, err := backup.Read(file)
	if err = errors.Join(err, file.Close()); err != nil {
		return done, fmt.Errorf("restore %s: %w", path, err)
	}
	dir := filepath.Join(g.dir, "controlplane")
	if err := r.keyFree(dir); err != nil {
		return done, err
	}
	ctx, cancel := context.WithTimeout(c.Context(), restoreTime)
	defer cancel()
	log := slog.New(slog.NewTextHandler(c.ErrOrStderr(), nil))
	etcd := filepath.Join(dir, "etcd")
	if r.etcd.member != (store.Member{}) {
		if done, err = b.RestoreMember(ctx, backup.Member{Dir: etcd, Etcd: r.etcd.member, Word: r.again, Log: log}, r.to); err != nil {
			return done, err
		}
		return done, putBeside(dir, done)
	}
	r.to.Store, err = store.Open(ctx, store.Config{Dir: etcd, Endpoints: r.etcd.endpoints, Access: r.etcd.access, Logger: log})
	if err != nil {
		return done, fmt.Errorf("restore: %w", err)
	}
	done, err = b.Restore(ctx, r.to)
	if err == nil {
		err = putBeside(dir, done)
	}
	return done, errors.Join(err, r.to.Store.Close())
}

// keyFree refuses to put a CA's key in the place of another.
func (r *restoreFlags) keyFree(dir string) error {
	path := filepath.Join(dir, controlplane.KeyFile)
	if _, err := os.Stat(path); err == nil && r.to.Passphrase != "" && !r.to.Force {
		return fmt.Errorf("restore: %s is there already: give --force to put the backup's in its place", path)
	}
	return nil
}

// putBeside leaves the CA's key where a control plane looks for it, and takes away the
// token for the mesh's own parts, which the next start makes anew.
func putBeside(dir string, done backup.Restored) error {
	if err := os.Remove(filepath.Join(dir, controlplane.TokenFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("restore: %w", err)
	}
	if done.KeyFile == nil {
		return nil
	}
	path := filepath.Join(dir, controlplane.KeyFile)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if err := os.Rename(path, path+".before"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("restore: %w", err)
	}
	if err := os.WriteFile(path, done.KeyFile, 0o600); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return nil
}
