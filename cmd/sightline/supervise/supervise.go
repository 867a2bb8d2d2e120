// Package supervise keeps a child process running: it starts it, waits until it
// answers, restarts it with back-off when it dies, and ends it in order.
package supervise

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/exec"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
)

// Child is one process to keep running.
type Child struct {
	Name string
	Path string
	Args []string
	Env  []string // whole environment; nil is this process's own
	Out  io.Writer
	// Once says that the process is not restarted: its end ends Run.
	Once bool
	// Grace is how long the process may take to end after SIGTERM before it is
	// killed. Default 15 s.
	Grace  time.Duration
	Logger *slog.Logger

	pid    atomic.Int64
	starts atomic.Int64
}

// Back-off between restarts: doubling from the first to the last, and back to the
// first once the process has stayed up for a while.
const (
	firstRest = 200 * time.Millisecond
	lastRest  = 10 * time.Second
	steady    = 20 * time.Second
)

// PID is the present process's id, 0 while there is none.
func (c *Child) PID() int { return int(c.pid.Load()) }

// Starts is how often the process was started.
func (c *Child) Starts() int { return int(c.starts.Load()) }

// Run keeps the process up until ctx ends, then sends SIGTERM and waits for it. The
// process is told to end too when this one dies without a word. Run returns nil
// after an ending that was asked for; with Once, it returns the process's own end.
func (c *Child) Run(ctx context.Context) error {
	rest := firstRest
	for {
		began := time.Now()
		err := c.once(ctx)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // the end that was asked for is no error, however the process took it
		case c.Once:
			return err
		}
		if time.Since(began) > steady {
			rest = firstRest
		}
		c.Logger.Warn("process ended, starting it again", "process", c.Name, "error", err, "in", rest)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(rest):
		}
		rest = min(2*rest, lastRest)
	}
}

// once runs the process one time.
func (c *Child) once(ctx context.Context) error {
	// A parent-death signal is tied to the thread that started the child: the thread
	// must live as long as the process is wanted.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, c.Path, c.Args...)
	cmd.Env = c.Env
	cmd.Stdout, cmd.Stderr = c.Out, c.Out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = c.Grace
	if cmd.WaitDelay == 0 {
		cmd.WaitDelay = 15 * time.Second
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", c.Name, err)
	}
	c.starts.Add(1)
	c.pid.Store(int64(cmd.Process.Pid))
	defer c.pid.Store(0)
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%s: %w", c.Name, err)
	}
	return errEnded
}

var errEnded = errors.New("ended by itself with status 0")
