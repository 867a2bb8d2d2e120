package main

import (
	"context"
	"fmt"
	"syscall"

	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/loadtest/peers/proc"
	"github.com/sightline-mesh/sightline/loadtest/sink"
)

// rootRotated replaces the mesh's root, and kills the control plane in the middle of it.
func rootRotated(ctx context.Context, m *mesh) error {
	if err := m.rotateTo(ctx, "distribute"); err != nil {
		return err
	}
	if err := syscall.Kill(m.controlPlane.PID(), syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill control plane: %w", err)
	}
	<-m.controlPlane.Ended()
	if err := m.startControlPlane(ctx); err != nil {
		return err
	}
	for _, phase := range []string{"renew", "steady"} {
		if err := m.rotateTo(ctx, phase); err != nil {
			return err
		}
	}
	plane := sink.ControlPlane{Process: m.controlPlane, Address: m.address, Dir: m.dir}
	var err error
	m.token, err = plane.JoinToken(ctx, m.source, "lossless") // the one of the old root has ended with it
	return err
}

// rotateTo takes the rotation a step further as soon as it may.
func (m *mesh) rotateTo(ctx context.Context, phase string) error {
	client := admin.NewClient(m.address, m.source.ClientTLS(m.source.ControlPlane()))
	defer client.Close()
	err := proc.Await(ctx, 2*patience, func(ctx context.Context) error {
		at, err := client.Rotate(ctx, admin.RotateRequest{By: "lossless"})
		if err == nil && at.Phase != phase {
			err = fmt.Errorf("phase is %s, want %s", at.Phase, phase)
		}
		return err
	}, m.controlPlane)
	if err != nil {
		return fmt.Errorf("rotate the root to %s: %w", phase, err)
	}
	return nil
}
