package admin

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// The steps of replacing the passphrase of the CA's keys.
const (
	ResealAdd     = "add"     // the new one beside that of before
	ResealFinish  = "finish"  // the new one alone
	ResealAbandon = "abandon" // that of before alone
)

// ResealRequest asks for a step.
type ResealRequest struct {
	Step string `json:"step"`
	// Passphrase is the one to add.
	Passphrase string `json:"passphrase,omitempty"`
	// Force finishes though there are control planes that were not given it.
	Force bool `json:"force,omitempty"`
	// Token is as for a backup.
	Token string `json:"token,omitempty"`
	By    string `json:"by,omitempty"`
}

func (h *handler) sealing(r *http.Request) (any, error) {
	return h.Sealing(r.Context(), r.URL.Query().Get("own") == "true")
}

func (h *handler) reseal(r *http.Request) (any, error) {
	var in ResealRequest
	if err := read(r, &in); err != nil {
		return nil, err
	}
	return h.Reseal(r.Context(), in)
}

// Sealing is how the CA's keys are sealed, as the control plane that answers sees it, or
// as all do.
func (c *Client) Sealing(ctx context.Context, own bool) (mesh.Sealing, error) {
	var out mesh.Sealing
	err := c.get(ctx, "/ca/seal", url.Values{"own": {strconv.FormatBool(own)}}, &out)
	return out, err
}

// Reseal does a step of replacing the passphrase of the CA's keys.
func (c *Client) Reseal(ctx context.Context, r ResealRequest) (mesh.Sealing, error) {
	var out mesh.Sealing
	err := c.do(ctx, http.MethodPost, "/ca/seal", r, &out)
	return out, err
}
