package controlplane

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/backup"
)

// backup writes the state to w, the CA in it if a passphrase is given to seal it with.
func (p *plane) backup(ctx context.Context, w io.Writer, asked admin.BackupRequest) error {
	order := backup.Order{Mesh: p.cfg.TrustDomain, Passphrase: asked.Passphrase}
	if asked.Passphrase != "" {
		if err := p.holdsDirectory("a backup with the CA", asked.Token); err != nil {
			return err
		}
		key, err := os.ReadFile(filepath.Join(p.cfg.Dir, KeyFile))
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // with a passphrase there is none
			return fmt.Errorf("back up: %w", err)
		}
		order.KeyFile = key
	}
	return backup.Write(ctx, w, p.store, order)
}

// holdsDirectory refuses what is for who can read this control plane's directory to others.
func (p *plane) holdsDirectory(what, token string) error {
	own, err := os.ReadFile(filepath.Join(p.cfg.Dir, TokenFile))
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if subtle.ConstantTimeCompare([]byte(strings.TrimSpace(string(own))), []byte(strings.TrimSpace(token))) != 1 {
		return &admin.Error{Status: http.StatusForbidden, Detail: what + " is for who can read the directory of the control plane that is asked: ask the one on this machine"}
	}
	return nil
}
