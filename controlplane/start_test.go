package controlplane

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

// An election of etcd's ends a control plane that starts no more than one that runs.
func TestStartOutlastsAnElection(t *testing.T) {
	c := &ControlPlane{deps: Deps{Logger: slog.New(slog.DiscardHandler)}}
	for name, tt := range map[string]struct {
		err   error
		tries int           // until it is well, 0 for never
		took  time.Duration // until patiently returns
		fails bool
	}{
		"well at once":      {nil, 1, 0, false},
		"election":          {rpctypes.ErrLeaderChanged, 5, 4 * startRest, false},
		"no leader":         {rpctypes.ErrNoLeader, 2, startRest, false},
		"never back":        {rpctypes.ErrTimeout, 0, startPatience, true},
		"no matter of time": {rpctypes.ErrPermissionDenied, 0, 0, true},
		"nothing of etcd's": {errors.New("root is not readable"), 0, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tries, began := 0, time.Now()
				err := c.patiently(t.Context(), func() error {
					if tries++; tries == tt.tries {
						return nil
					}
					return fmt.Errorf("get epoch: %w", tt.err)
				})
				if (err != nil) != tt.fails || time.Since(began) != tt.took {
					t.Errorf("%v after %d tries and %v, want %v", err, tries, time.Since(began), tt.took)
				}
			})
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.patiently(ctx, func() error { return rpctypes.ErrNoLeader }); !errors.Is(err, rpctypes.ErrNoLeader) {
		t.Errorf("told to end: %v", err)
	}
}
