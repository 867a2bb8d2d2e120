package controlplane

import (
	"context"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/store"
)

// A control plane that starts may find its store in the midst of an election. It tries
// again for as long as some of them take, and gives up when the store stays away.
const (
	startPatience = time.Minute
	startRest     = 200 * time.Millisecond
)

// patiently does a step of the start, again while the store is away for the moment. A
// step may be done more than once.
func (c *ControlPlane) patiently(ctx context.Context, step func() error) error {
	for until := time.Now().Add(startPatience); ; {
		err := step()
		if err == nil || !store.Away(err) || !time.Now().Before(until) {
			return err
		}
		c.deps.Logger.Warn("start goes on when the store is back", "reason", err)
		select {
		case <-ctx.Done():
			return err
		case <-time.After(startRest):
		}
	}
}
