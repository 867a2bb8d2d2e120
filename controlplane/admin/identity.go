package admin

import (
	"context"
	"net/http"
	"net/url"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func (h *handler) authority(r *http.Request) (any, error) {
	return h.Identity.Authority(r.Context())
}

func (h *handler) holders(r *http.Request) (any, error) {
	return h.Identity.Holders(r.Context(), r.URL.Query().Get("own") == "true")
}

func (h *handler) rotate(r *http.Request) (any, error) {
	var in RotateRequest
	if err := read(r, &in); err != nil {
		return nil, err
	}
	return h.Identity.Rotate(r.Context(), in)
}

func (h *handler) revoke(r *http.Request) (any, error) {
	var in RevokeRequest
	if err := read(r, &in); err != nil {
		return nil, err
	}
	return h.Identity.Revoke(r.Context(), in)
}

func (h *handler) tokens(r *http.Request) (any, error) {
	return list(h.Identity.Tokens(r.Context()))
}

func (h *handler) revokeToken(r *http.Request) (any, error) {
	return nil, h.Identity.RevokeToken(r.Context(), r.PathValue("id"), r.URL.Query().Get("by"))
}

// Authority is how the CA stands.
func (c *Client) Authority(ctx context.Context) (mesh.Authority, error) {
	var out mesh.Authority
	err := c.get(ctx, "/ca", nil, &out)
	return out, err
}

// Holders are who is connected with a certificate, to any control plane.
func (c *Client) Holders(ctx context.Context) (mesh.Holders, error) {
	var out mesh.Holders
	err := c.get(ctx, "/ca/holders", nil, &out)
	return out, err
}

// OwnHolders are those that are connected to the control plane that answers.
func (c *Client) OwnHolders(ctx context.Context) (mesh.Holders, error) {
	var out mesh.Holders
	err := c.get(ctx, "/ca/holders", url.Values{"own": {"true"}}, &out)
	return out, err
}

// Rotate takes a rotation of the CA one step further.
func (c *Client) Rotate(ctx context.Context, r RotateRequest) (mesh.Authority, error) {
	var out mesh.Authority
	err := c.do(ctx, http.MethodPost, "/ca/rotate", r, &out)
	return out, err
}

// Revoke takes certificates back.
func (c *Client) Revoke(ctx context.Context, r RevokeRequest) (mesh.Revocation, error) {
	var out mesh.Revocation
	err := c.do(ctx, http.MethodPost, "/ca/revoke", r, &out)
	return out, err
}

// Tokens are the join tokens there are, without their secrets.
func (c *Client) Tokens(ctx context.Context) ([]mesh.JoinToken, error) {
	var out []mesh.JoinToken
	err := c.get(ctx, "/tokens", nil, &out)
	return out, err
}

// RevokeToken ends a join token.
func (c *Client) RevokeToken(ctx context.Context, id, by string) error {
	return c.do(ctx, http.MethodDelete, "/tokens/"+url.PathEscape(id)+"?"+url.Values{"by": {by}}.Encode(), nil, nil)
}
