package push

import (
	"context"
	"errors"
	"fmt"
	"time"

	"connectrpc.com/connect"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/wire"
)

// tellTime bounds how long a batch of a live look may be on its way.
const tellTime = 2 * time.Second

var errUnconnected = errors.New("tell of tapped requests: no control plane is connected")

// Tapped tells the control plane of requests that Config.Taps was asked for. It blocks
// until they are taken, for two seconds at most.
func (c *Client) Tapped(ctx context.Context, b mesh.TapBatch) error {
	ctx, cancel := context.WithTimeout(ctx, tellTime)
	defer cancel()
	c.mu.Lock()
	rpc := c.rpc
	c.mu.Unlock()
	if rpc == nil {
		return errUnconnected
	}
	if _, err := rpc.Tapped(ctx, connect.NewRequest(wire.FromTapBatch(b))); err != nil {
		return fmt.Errorf("tell of tapped requests: %w", err)
	}
	return nil
}
