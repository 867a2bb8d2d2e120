package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// BackupRequest asks for a backup.
type BackupRequest struct {
	// Passphrase seals what is secret, the CA above all; without one that is left out.
	Passphrase string `json:"passphrase,omitempty"`
	// Token is the one that the control plane keeps for the mesh's own parts: to have the CA
	// a certificate of theirs is not enough, but who can read the control plane's directory
	// has it already.
	Token string `json:"token,omitempty"`
}

// backup answers with the file. One that has no end was not finished.
func (h *handler) backup(w http.ResponseWriter, r *http.Request) {
	out := &late{w: w}
	err := admitted(r)
	if err == nil {
		var in BackupRequest
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		if err = read(r, &in); err == nil {
			err = h.Backup(r.Context(), out, in)
		}
	}
	if err != nil && !out.begun {
		refused := h.problem(r, err)
		write(w, "application/problem+json", refused.Status, refused)
		return
	}
	if err != nil {
		h.Logger.Error("backup was not finished", "reason", err)
	}
}

// late begins an answer with its first byte.
type late struct {
	w     http.ResponseWriter
	begun bool
}

// Write writes to the answer's body.
func (l *late) Write(b []byte) (int, error) {
	if !l.begun {
		l.begun = true
		l.w.Header().Set("Content-Type", "application/x-ndjson")
		l.w.WriteHeader(http.StatusOK)
	}
	return l.w.Write(b)
}

// Backup writes a backup of the state to w. What it writes is to be read before it is
// relied on: a backup that was cut off is no error here. Of several control planes the one
// gives it that knows the token: each has its own.
func (c *Client) Backup(ctx context.Context, asked BackupRequest, w io.Writer) error {
	var cut error // of an answer that has begun, after which no other one may follow
	refused := c.planes.Try(func(address string) error {
		res, err := c.streamFrom(ctx, address, "/backup", asked)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		_, cut = io.Copy(w, res.Body)
		return nil
	}, func(err error) bool {
		answer, ok := errors.AsType[*Error](err)
		elsewhere := !ok || answer.Status == http.StatusForbidden || answer.Status == http.StatusServiceUnavailable
		return ctx.Err() != nil || !elsewhere
	})
	if refused != nil {
		return refused
	}
	if cut != nil {
		return fmt.Errorf("read backup: %w", cut)
	}
	return nil
}
