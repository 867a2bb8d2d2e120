package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

const (
	// tapBeat is how often a tap's reader is told how the tap stands, which also finds out
	// whether there still is a reader.
	tapBeat = time.Second
	// tapPatience is how long a reader may take nothing.
	tapPatience = 10 * time.Second
)

// Look is a live look at requests.
type Look interface {
	// Next waits for a request.
	Next(ctx context.Context) (mesh.Tapped, error)
	Status() mesh.TapStatus
	Close()
}

// tapRequest is the body of POST /admin/v1/taps.
type tapRequest struct {
	Tap mesh.Tap `json:"tap"`
	By  string   `json:"by"`
	Own bool     `json:"own,omitempty"` // only sidecars that have their stream at this control plane
}

// tap answers with one mesh.TapLine per line, until the caller goes.
func (h *handler) tap(w http.ResponseWriter, r *http.Request) {
	look, err := h.open(w, r)
	if err != nil {
		refused := h.problem(r, err)
		write(w, "application/problem+json", refused.Status, refused)
		return
	}
	defer look.Close()
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.WriteHeader(http.StatusOK)
	control := http.NewResponseController(w)
	out := json.NewEncoder(w)
	for beat := time.Now(); r.Context().Err() == nil; {
		var line mesh.TapLine
		if wait := time.Until(beat); wait > 0 {
			line.Request = nextWithin(r.Context(), look, wait)
		}
		if line.Request == nil {
			status := look.Status()
			line.Status, beat = &status, time.Now().Add(tapBeat)
		}
		_ = control.SetWriteDeadline(time.Now().Add(tapPatience)) // not every writer has one
		if out.Encode(line) != nil || control.Flush() != nil {
			return
		}
	}
}

func (h *handler) open(w http.ResponseWriter, r *http.Request) (Look, error) {
	if err := admitted(r); err != nil {
		return nil, err
	}
	var in tapRequest
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := read(r, &in); err != nil {
		return nil, err
	}
	return h.Tap(in.Tap, in.By, in.Own)
}

// nextWithin is the next request, nil if there is none in the time.
func nextWithin(ctx context.Context, look Look, wait time.Duration) *mesh.Tapped {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	if row, err := look.Next(ctx); err == nil {
		return &row
	}
	return nil
}

// Tap looks at requests as they end and gives each line to the function, until ctx ends,
// the function returns an error, or the control plane ends it. A first line comes at once.
func (c *Client) Tap(ctx context.Context, asked mesh.Tap, by string, line func(mesh.TapLine) error) error {
	return c.follow(ctx, tapRequest{Tap: asked, By: by}, line)
}

// TapOwn is Tap of the sidecars that have their stream at this control plane.
func (c *Client) TapOwn(ctx context.Context, asked mesh.Tap, by string, line func(mesh.TapLine) error) error {
	return c.follow(ctx, tapRequest{Tap: asked, By: by, Own: true}, line)
}

func (c *Client) follow(ctx context.Context, asked tapRequest, line func(mesh.TapLine) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	res, err := c.stream(ctx, "/taps", asked)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	// A control plane that is silent for so long has gone.
	silence := time.AfterFunc(tapPatience, cancel)
	defer silence.Stop()
	for in := json.NewDecoder(res.Body); ; {
		var l mesh.TapLine
		if err := in.Decode(&l); err != nil {
			if errors.Is(err, io.EOF) {
				return errors.New("the control plane has ended the tap")
			}
			return fmt.Errorf("read tap: %w", err)
		}
		silence.Reset(tapPatience)
		if err := line(l); err != nil {
			return err
		}
	}
}
