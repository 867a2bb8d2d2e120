package api

import (
	"fmt"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/ui/session"
)

func (a *API) identityRoutes() []route {
	return []route{
		{
			method: "GET", path: "/api/v1/ca", summary: "How the certificate authority stands, and who lags", role: session.Viewer,
			result: mesh.Authority{}, serve: a.authority,
		},
		{
			method: "GET", path: "/api/v1/ca/holders", summary: "Who is connected with which certificate, the most urgent first", role: session.Viewer,
			result: mesh.Holders{}, serve: a.holders,
		},
		{
			method: "POST", path: "/api/v1/ca/rotate", summary: "Take a rotation of the certificate authority one step further", role: session.Admin,
			body: RotateRequest{}, result: mesh.Authority{}, serve: a.rotate,
		},
		{
			method: "POST", path: "/api/v1/ca/revoke", summary: "Take back a certificate, or all of an identity's", role: session.Admin,
			body: RevokeRequest{}, result: mesh.Revocation{}, serve: a.revoke,
		},
		{
			method: "GET", path: "/api/v1/tokens", summary: "Join tokens, without their secrets", role: session.Admin,
			result: tokensAnswer{}, serve: a.tokens,
		},
		{
			method: "POST", path: "/api/v1/tokens", summary: "Make a join token", role: session.Admin,
			body: tokenRequest{}, result: tokenAnswer{}, serve: a.createToken,
		},
		{
			method: "DELETE", path: "/api/v1/tokens/{id}", summary: "Revoke a join token", role: session.Admin,
			params: []param{{name: "id", in: "path", about: "The token's id, its second part."}}, serve: a.revokeToken,
		},
	}
}

func (a *API) authority(c *gin.Context) (any, error) {
	if a.deps.Identity == nil {
		return nil, missingPart("the control plane")
	}
	out, err := a.deps.Identity.Authority(c)
	if err != nil {
		return nil, fmt.Errorf("look at the certificate authority: %w", err)
	}
	return out, nil
}

func (a *API) holders(c *gin.Context) (any, error) {
	if a.deps.Identity == nil {
		return nil, missingPart("the control plane")
	}
	out, err := a.deps.Identity.Holders(c)
	if err != nil {
		return nil, fmt.Errorf("look at who holds certificates: %w", err)
	}
	out.Holders = list(out.Holders)
	return out, nil
}

func (a *API) rotate(c *gin.Context) (any, error) {
	if a.deps.Identity == nil {
		return nil, missingPart("the control plane")
	}
	var in RotateRequest
	if err := readJSON(c, &in); err != nil {
		return nil, err
	}
	in.By = userOf(c).Name
	out, err := a.deps.Identity.Rotate(c, in)
	if err != nil {
		return nil, fmt.Errorf("rotate the certificate authority: %w", err)
	}
	return out, nil
}

func (a *API) revoke(c *gin.Context) (any, error) {
	if a.deps.Identity == nil {
		return nil, missingPart("the control plane")
	}
	var in RevokeRequest
	if err := readJSON(c, &in); err != nil {
		return nil, err
	}
	if strings.TrimSpace(in.What) == "" {
		return nil, badField("what", "is empty, want a serial number in hex or a SPIFFE id")
	}
	in.By = userOf(c).Name
	out, err := a.deps.Identity.Revoke(c, in)
	if err != nil {
		return nil, fmt.Errorf("revoke %s: %w", in.What, err)
	}
	return out, nil
}

func (a *API) tokens(c *gin.Context) (any, error) {
	if a.deps.Identity == nil {
		return nil, missingPart("the control plane")
	}
	all, err := a.deps.Identity.Tokens(c)
	if err != nil {
		return nil, fmt.Errorf("list join tokens: %w", err)
	}
	return tokensAnswer{Tokens: list(all)}, nil
}

func (a *API) revokeToken(c *gin.Context) (any, error) {
	if a.deps.Identity == nil {
		return nil, missingPart("the control plane")
	}
	if err := a.deps.Identity.RevokeToken(c, c.Param("id"), userOf(c).Name); err != nil {
		return nil, err // which names it
	}
	return nil, nil
}
