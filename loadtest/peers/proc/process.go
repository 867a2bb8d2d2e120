package proc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Command is a program to run.
type Command struct {
	Path string
	Args []string
	Env  []string // whole environment
	Log  io.Writer
	// Stdout is where standard output goes; nil is Log.
	Stdout io.Writer
}

// Process is a running program. It is told to end when the thread that started it
// does, so that nothing stays behind: start from the main goroutine, locked to its
// thread.
type Process struct {
	cmd   *exec.Cmd
	ended chan struct{}
	err   error // read after ended
}

// grace is how long a process may take to end.
const grace = 10 * time.Second

// Start runs a program until Stop, whatever becomes of ctx, which bounds nothing but
// the start.
func Start(ctx context.Context, c Command) (*Process, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), c.Path, c.Args...)
	cmd.Env = c.Env
	cmd.Stdout, cmd.Stderr = c.Log, c.Log
	if c.Stdout != nil {
		cmd.Stdout = c.Stdout
	}
	// A group of its own: an interrupt from the terminal reaches the comparison alone,
	// which then ends what it started in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	cmd.WaitDelay = time.Second // for output, after the end
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", filepath.Base(c.Path), err)
	}
	p := &Process{cmd: cmd, ended: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// PID is the process's id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Err says how the process ended by itself. Only after Ended.
func (p *Process) Err() error {
	name := filepath.Base(p.cmd.Path)
	if p.err == nil {
		return fmt.Errorf("%s ended by itself", name)
	}
	return fmt.Errorf("%s ended: %w", name, p.err)
}

// Stop tells the process to end, and kills it if it does not.
func (p *Process) Stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-p.ended:
		return nil
	case <-time.After(grace):
	}
	err := fmt.Errorf("%s did not end within %s", filepath.Base(p.cmd.Path), grace)
	// With what it started: the group is its own.
	err = errors.Join(err, syscall.Kill(-p.PID(), syscall.SIGKILL))
	<-p.ended
	return err
}

// Await polls until ok returns nil, a process ends, ctx ends or limit has passed.
func Await(ctx context.Context, limit time.Duration, ok func(context.Context) error, processes ...*Process) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		last := ok(ctx)
		if last == nil {
			return nil
		}
		for _, p := range processes {
			select {
			case <-p.ended:
				return p.Err()
			default:
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), last)
		case <-tick.C:
		}
	}
}
