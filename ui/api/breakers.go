package api

import (
	"context"
	"fmt"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// tripRequest is the body of POST /api/v1/breakers/trip.
type tripRequest struct {
	Service  string `json:"service"`
	Version  string `json:"version,omitempty"`
	Instance string `json:"instance,omitempty"`
	Reason   string `json:"reason"`
}

// verdictRequest names a verdict in force.
type verdictRequest struct {
	ID string `json:"id"`
}

func (a *API) breakers(c *gin.Context) (any, error) {
	if a.deps.Breakers == nil {
		return nil, missingPart("the control plane")
	}
	all, err := a.deps.Breakers.Verdicts(c)
	if err != nil {
		return nil, fmt.Errorf("read verdicts: %w", err)
	}
	return breakersAnswer{Breakers: list(all)}, nil
}

func (a *API) trip(c *gin.Context) (any, error) {
	if a.deps.Trip == nil {
		return nil, missingPart("the control plane")
	}
	var in tripRequest
	if err := readJSON(c, &in); err != nil {
		return nil, err
	}
	switch {
	case !labelShape.MatchString(in.Service):
		return nil, badField("service", fmt.Sprintf("is %q, want the name of a service", in.Service))
	case in.Version == "" && in.Instance == "":
		// Tripping a whole service is an outage; it takes more than one careless click.
		return nil, badField("version", "is empty: name the version or the instance to keep traffic away from")
	case strings.TrimSpace(in.Reason) == "" || len(in.Reason) > maxText:
		return nil, badField("reason", fmt.Sprintf("want a reason of at most %d bytes: it goes into the timeline", maxText))
	}
	target := mesh.Target{
		Service: mesh.ServiceName(in.Service), Version: mesh.Version(in.Version), Instance: mesh.InstanceID(in.Instance),
	}
	if err := a.deps.Trip(c, target, in.Reason, userOf(c).Name); err != nil {
		return nil, err // which names the target
	}
	return a.breakers(c)
}

func (a *API) release(c *gin.Context) (any, error) {
	return a.onVerdict(c, "release", a.deps.Release)
}

func (a *API) hold(c *gin.Context) (any, error) {
	return a.onVerdict(c, "hold", a.deps.Hold)
}

func (a *API) onVerdict(c *gin.Context, verb string, do func(ctx context.Context, id, by string) error) (any, error) {
	if do == nil {
		return nil, missingPart("the control plane")
	}
	var in verdictRequest
	if err := readJSON(c, &in); err != nil {
		return nil, err
	}
	if in.ID == "" {
		return nil, badField("id", "is empty: name the verdict")
	}
	if err := do(c, in.ID, userOf(c).Name); err != nil {
		return nil, fmt.Errorf("%s verdict %s: %w", verb, in.ID, err)
	}
	return a.breakers(c)
}
