package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"

	"github.com/sightline-mesh/sightline/loadtest/backend"
	"github.com/sightline-mesh/sightline/loadtest/peers/proc"
)

// part is a process of the backend over its several lives. It is started again where it
// ends by itself, as a supervisor would, for a disk may be full when it starts.
type part struct {
	args  []string
	log   io.Writer
	ready func(context.Context) error

	process *proc.Process
	cpu     time.Duration // of lives that have ended
	kills   int
	starts  int
	longest time.Duration // from a start to being ready
}

// rest is from an end to the next start.
const rest = 500 * time.Millisecond

func (p *part) start(ctx context.Context) (err error) {
	p.starts++
	p.process, err = backend.Launch(ctx, p.log, nil, p.args...)
	return err
}

// await waits until the part is ready.
func (p *part) await(ctx context.Context, patience time.Duration) error {
	begun := time.Now()
	for {
		err := proc.Await(ctx, patience-time.Since(begun), p.ready, p.process)
		if err == nil {
			p.longest = max(p.longest, time.Since(begun))
			return nil
		}
		if !p.ended() || !pause(ctx, rest) {
			return fmt.Errorf("wait for the %s: %w", p.args[0], err)
		}
		if err := p.start(ctx); err != nil {
			return err
		}
	}
}

func (p *part) ended() bool {
	select {
	case <-p.process.Ended():
		return true
	default:
		return false
	}
}

// kill ends it like a power cut of the process.
func (p *part) kill() error {
	if used, err := proc.System().CPU(p.process.PID()); err == nil { // else it has ended
		p.cpu += used
	}
	p.kills++
	if err := syscall.Kill(p.process.PID(), syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("kill the %s: %w", p.args[0], err)
	}
	<-p.process.Ended()
	return nil
}

// stop ends it in order and adds up what it used.
func (p *part) stop() error {
	if p.process == nil || p.ended() {
		return nil
	}
	if used, err := proc.System().CPU(p.process.PID()); err == nil {
		p.cpu += used
	}
	return p.process.Stop()
}
