package api

import (
	"context"
	"fmt"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/sightline-mesh/sightline/collector/signal"
)

// Of one replay: the time it may take, so that an answer comes while someone waits for
// it, how far back it goes unless told, and the most requests.
const (
	replayTime  = 25 * time.Second
	replayBack  = time.Hour
	maxReplayed = 200_000
)

func (a *API) replay(c *gin.Context) (any, error) {
	if a.deps.Replay == nil {
		return nil, missingPart("the control plane and the store together")
	}
	manifest, err := readBody(c, maxManifest)
	if err != nil {
		return nil, err
	}
	if len(manifest) == 0 {
		return nil, badField("body", "is empty, want a manifest as YAML")
	}
	start, end, err := a.period(c, replayBack)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(c, replayTime)
	defer cancel()
	out, err := a.deps.Replay(ctx, manifest, signal.Window{Start: start, End: end}, intParam(c, "limit", maxReplayed))
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	return out, nil
}
