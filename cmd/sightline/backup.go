package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sightline-mesh/sightline/controlplane"
	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/backup"
	"github.com/sightline-mesh/sightline/controlplane/identity"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func newBackup(g *globals) *cobra.Command {
	var planes, passphrase, out string
	c := &cobra.Command{
		Use:   "backup -o file",
		Short: "Write the control plane's state to a file, as of one moment",
		Long: "Write the control plane's state to a file, as of one moment: configuration, verdicts, timeline,\n" +
			"settings, and with a passphrase the CA and join tokens, sealed. It is run where the control plane\n" +
			"is, by who may read its directory (--dir). The file is readable by its owner alone.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var asked admin.BackupRequest
			var err error
			switch out {
			case "":
				return errors.New("backup: want the file to write: -o mesh.backup")
			case "text", "table", "json", "yaml":
				return fmt.Errorf("backup: -o %s: want the file to write, such as mesh.backup; ./%s is one of that name", out, out)
			}
			if asked.Passphrase, err = passphraseIn(passphrase); err != nil {
				return err
			}
			b, err := writeBackup(c.Context(), g, planes, asked, out)
			if err != nil {
				return fmt.Errorf("backup: %w", err)
			}
			ca := "without the CA: give --passphrase-file to have it"
			if b.Secrets {
				ca = "with the CA"
			}
			c.Printf("%s: %d records of mesh %s at revision %d, %s\n", out, len(b.Records), b.Mesh, b.Revision, ca)
			return nil
		},
	}
	c.AddCommand(newBackupRestore(g))
	f := c.Flags()
	f.StringVarP(&out, "output", "o", "", "file to write; it is readable by its owner alone")
	f.StringVar(&planes, "control-plane", "127.0.0.1:15012", "host:port of the control plane, or of several")
	f.StringVar(&passphrase, "passphrase-file", "", "file with the passphrase that seals the CA and join tokens in the backup (default: they are left out)")
	return c
}

// writeBackup puts a backup into place once it has been read again.
func writeBackup(ctx context.Context, g *globals, planes string, asked admin.BackupRequest, out string) (*backup.Backup, error) {
	client, token, err := beside(ctx, g, planes, "backup")
	if err != nil {
		return nil, err
	}
	defer client.Close()
	asked.Token = token
	file, err := os.OpenFile(out+".new", os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = client.Backup(ctx, asked, file)
	if err == nil {
		_, err = file.Seek(0, 0)
	}
	var b *backup.Backup
	if err == nil {
		b, err = backup.Read(file)
	}
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = os.Rename(out+".new", out)
	}
	if err != nil {
		_ = os.Remove(out + ".new") // it is of no use
		return nil, err
	}
	return b, nil
}

// enrolTime is how long a control plane on this machine may take to give a certificate.
const enrolTime = 10 * time.Second

// beside speaks to the control plane itself, as who can read its directory. The token is
// the proof of that.
func beside(ctx context.Context, g *globals, planes, as string) (c *admin.Client, token string, err error) {
	raw, err := os.ReadFile(filepath.Join(g.dir, "controlplane", controlplane.TokenFile))
	if err != nil {
		return nil, "", fmt.Errorf("read the token of the mesh's own parts: %w (is the control plane's directory below --dir?)", err)
	}
	token = strings.TrimSpace(string(raw))
	soon, cancel := context.WithTimeout(ctx, enrolTime)
	defer cancel()
	source, err := identity.Open(soon, identity.Config{
		ControlPlane: planes, Token: token,
		Workload: identity.Workload{Service: as, Namespace: mesh.SystemNamespace, Instance: as},
	})
	if err != nil && soon.Err() != nil && ctx.Err() == nil {
		return nil, "", fmt.Errorf("no certificate within %s: %w", enrolTime, err)
	}
	if err != nil {
		return nil, "", err
	}
	return admin.NewClient(planes, source.ClientTLS(source.ControlPlane(), "h2")), token, nil
}

// passphraseIn is what a file holds; "" for no file.
func passphraseIn(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("passphrase-file: %w", err)
	}
	text := strings.TrimRight(string(raw), "\r\n")
	if text == "" {
		return "", fmt.Errorf("passphrase-file: %s is empty", path)
	}
	return text, nil
}
