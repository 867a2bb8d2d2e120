package run

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// App is the user's program.
type App struct {
	Args   []string // program and arguments
	Env    []string // whole environment
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	// Grace is how long the app may take to end after SIGTERM before it is killed.
	Grace time.Duration
	// User is whom the program runs as; nil is whom this process runs as.
	User *User

	cmd   *exec.Cmd
	ended chan struct{}
	err   error // set before ended is closed
}

// Start starts the program, in a process group of its own. It is told to end when this
// process dies without a word. Where its input is a terminal it gets that when it reads
// from it, as from a shell.
func (a *App) Start() error {
	a.cmd = exec.Command(a.Args[0], a.Args[1:]...) //nolint:noctx // ended by Stop, gently, not by a context
	a.cmd.Env = a.Env
	a.cmd.Stdin, a.cmd.Stdout, a.cmd.Stderr = a.Stdin, a.Stdout, a.Stderr
	a.cmd.SysProcAttr = endsWithParent()
	if a.User != nil {
		a.cmd.Env, a.cmd.SysProcAttr.Credential = a.User.environ(a.Env), a.User.credential()
	}
	a.ended = make(chan struct{})
	started := make(chan error)
	go func() {
		// The parent-death signal belongs to the thread that starts the process, so
		// that thread is kept until the process has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := a.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		settle := lendTerminal(a.Stdin, a.cmd.Process.Pid)
		a.err = a.cmd.Wait()
		settle()
		close(a.ended)
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start %s: %w", a.Args[0], err)
	}
	return nil
}

// Ended is closed when the program has ended.
func (a *App) Ended() <-chan struct{} { return a.ended }

// Signal passes a signal on, to the program and all it has started in its group. A
// program that has ended gets none.
func (a *App) Signal(s os.Signal) error {
	number, ok := s.(syscall.Signal)
	if !ok || over(a) {
		return nil
	}
	err := syscall.Kill(-a.cmd.Process.Pid, number)
	if err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("signal %s: %w", a.Args[0], err)
	}
	return nil
}

// Stop asks the program to end, waits, and kills it when its grace is over.
func (a *App) Stop() error {
	if err := a.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	over := time.NewTimer(a.Grace)
	defer over.Stop()
	select {
	case <-a.ended:
		return nil
	case <-over.C:
	}
	if err := a.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-a.ended
	return nil
}

// Status is the program's exit status as a shell would say it: 128 + the signal when
// one ended it. Valid once Ended is closed.
func (a *App) Status() int {
	exit, ok := errors.AsType[*exec.ExitError](a.err)
	switch {
	case a.err == nil:
		return 0
	case !ok:
		return 1
	}
	if w, ok := exit.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return 128 + int(w.Signal())
	}
	return exit.ExitCode()
}
