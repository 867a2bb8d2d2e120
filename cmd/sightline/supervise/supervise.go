// Package supervise keeps a child process running: it starts it, restarts it with
// back-off when it dies, and ends it in order. A child that gives up as soon as it is
// first started is not restarted: what it was told is wrong, and trying again would
// hide why.
package supervise

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/exec"
	"path/filepath"
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
	// Out gets what the process writes. It passes through this process, so a child
	// that still writes after this one's death must expect a broken pipe.
	Out io.Writer
	// Complaint is how the line begins by which the process says why it ends. Default
	// is the program's name and a colon.
	Complaint string
	// Grace is how long the process may take to end after SIGTERM before it is
	// killed. Default DefaultGrace.
	Grace time.Duration
	// Steady is how long the process must have been up for its end to be an accident
	// and no fault of its configuration; from then on back-off starts over. Default 20 s.
	Steady time.Duration
	Logger *slog.Logger

	pid    atomic.Int64
	starts atomic.Int64
}

// DefaultGrace is Child.Grace's default.
const DefaultGrace = 15 * time.Second

// Back-off between restarts: doubling from the first to the last, and back to the
// first once the process has stayed up for a while.
const (
	firstRest = 200 * time.Millisecond
	lastRest  = 10 * time.Second
)

// PID is the present process's id, 0 while there is none.
func (c *Child) PID() int { return int(c.pid.Load()) }

// Starts is how often the process was started.
func (c *Child) Starts() int { return int(c.starts.Load()) }

// Run keeps the process up until ctx ends, then sends SIGTERM and waits for it. The
// process is told to end too when this one dies without a word. Run returns nil
// after an ending that was asked for. A first start that fails, or that the process
// itself ends with a status before it is steady, is an error with the last that the
// process had to say.
func (c *Child) Run(ctx context.Context) error {
	steady := cmp.Or(c.Steady, 20*time.Second)
	rest := firstRest
	for first := true; ; first = false {
		began := time.Now()
		err := c.once(ctx)
		lasted := time.Since(began) > steady
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // the end that was asked for is no error, however the process took it
		case first && !lasted && gaveUp(err):
			return err
		}
		if lasted {
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

// gaveUp reports whether the process could not be started or chose to fail, rather
// than being killed or ending without complaint.
func gaveUp(err error) bool {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.Exited()
	}
	return !errors.Is(err, errEnded)
}

// once runs the process one time.
func (c *Child) once(ctx context.Context) error {
	// A parent-death signal is tied to the thread that started the child: the thread
	// must live as long as the process is wanted.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, c.Path, c.Args...)
	cmd.Env = c.Env
	said := &tail{to: c.Out}
	cmd.Stdout, cmd.Stderr = said, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = cmp.Or(c.Grace, DefaultGrace)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", c.Name, err)
	}
	c.starts.Add(1)
	c.pid.Store(int64(cmd.Process.Pid))
	defer c.pid.Store(0)
	err := cmd.Wait()
	if err == nil || errors.Is(err, exec.ErrWaitDelay) { // the latter: it has left others with its output
		return errEnded
	}
	if reason := said.reason(cmp.Or(c.Complaint, filepath.Base(c.Path)+": ")); reason != "" {
		return fmt.Errorf("run %s: %w: %s", c.Name, err, reason)
	}
	return fmt.Errorf("run %s: %w", c.Name, err)
}

var errEnded = errors.New("ended by itself with status 0")
