package api

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

const maxManifest = 4 << 20 // bytes: thousands of routes

// tokenRequest is the body of POST /api/v1/tokens.
type tokenRequest struct {
	TTL       string `json:"ttl,omitempty"`       // "24h"; empty is the control plane's default
	Uses      int    `json:"uses,omitempty"`      // 0 is any number
	Service   string `json:"service,omitempty"`   // a name or a pattern such as shop-*
	Namespace string `json:"namespace,omitempty"` // likewise
}

func (a *API) config(c *gin.Context) (any, error) {
	if a.deps.Config == nil {
		return nil, missingPart("the control plane")
	}
	all, err := a.deps.Config.Resources(c, c.Query("kind"))
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return configAnswer{Resources: list(all)}, nil
}

func (a *API) apply(c *gin.Context) (any, error) {
	dryRun := c.Query("dryRun") == "true"
	findings, err := a.check(c, dryRun)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(findings, isError) {
		p := problem(http.StatusUnprocessableEntity, "nothing was applied: "+firstError(findings))
		p.Findings = findings
		return nil, p
	}
	return appliedAnswer{Applied: !dryRun, Findings: findings}, nil
}

// analyze answers 200 whatever it finds: the findings are what was asked for.
func (a *API) analyze(c *gin.Context) (any, error) {
	findings, err := a.check(c, true)
	if err != nil {
		return nil, err
	}
	return appliedAnswer{Findings: findings}, nil
}

func (a *API) analyzeStored(c *gin.Context) (any, error) {
	if a.deps.Config == nil {
		return nil, missingPart("the control plane")
	}
	findings, err := a.deps.Config.Analyze(c)
	if err != nil {
		return nil, fmt.Errorf("analyze configuration: %w", err)
	}
	return findingsAnswer{Findings: list(findings)}, nil
}

func (a *API) check(c *gin.Context, dryRun bool) ([]mesh.Finding, error) { //nolint:revive // flag-parameter: the API's own
	if a.deps.Config == nil {
		return nil, missingPart("the control plane")
	}
	manifest, err := readBody(c, maxManifest)
	if err != nil {
		return nil, err
	}
	if len(manifest) == 0 {
		return nil, badField("body", "is empty, want a manifest as YAML")
	}
	var findings []mesh.Finding
	if version, _ := strconv.ParseUint(c.Query("version"), 10, 63); version > 0 && !dryRun { // checked with the route's parameters
		findings, err = a.deps.Config.Replace(c, manifest, version, userOf(c).Name)
	} else {
		findings, err = a.deps.Config.Apply(c, manifest, userOf(c).Name, dryRun)
	}
	if err != nil {
		return nil, fmt.Errorf("apply manifest: %w", err)
	}
	return list(findings), nil
}

func isError(f mesh.Finding) bool { return f.Severity == "error" }

func firstError(findings []mesh.Finding) string {
	f := findings[slices.IndexFunc(findings, isError)]
	return fmt.Sprintf("%s: %s: %s (%s)", f.Resource, f.Path, f.Message, f.Code)
}

func (a *API) deleteConfig(c *gin.Context) (any, error) {
	if a.deps.DeleteConfig == nil {
		return nil, missingPart("the control plane")
	}
	kind, namespace, name := c.Param("kind"), c.Param("namespace"), c.Param("name")
	return nil, a.deps.DeleteConfig(c, kind, namespace, name, userOf(c).Name) // an error names it
}

func (a *API) createToken(c *gin.Context) (any, error) {
	if a.deps.CreateToken == nil {
		return nil, missingPart("the control plane")
	}
	var in tokenRequest
	if err := readJSON(c, &in); err != nil {
		return nil, err
	}
	r := TokenRequest{Uses: in.Uses, Service: in.Service, Namespace: in.Namespace, By: userOf(c).Name}
	if in.TTL != "" {
		ttl, err := time.ParseDuration(in.TTL)
		if err != nil || ttl <= 0 {
			return nil, badField("ttl", fmt.Sprintf("is %q, want a duration such as 24h", in.TTL))
		}
		r.TTL = ttl
	}
	if in.Uses < 0 {
		return nil, badField("uses", "is negative, want 0 for any number or a count")
	}
	token, err := a.deps.CreateToken(c, r)
	if err != nil {
		return nil, err // which says what was to be done
	}
	return tokenAnswer{Token: token}, nil
}
