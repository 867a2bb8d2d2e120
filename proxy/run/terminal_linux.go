package run

import (
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// lendTerminal gives the terminal that stdin is, if it is one, to the app's process
// group as soon as the app stops for want of it, and stops this process, as a shell's
// job, when the app is stopped by who has the terminal. An app that never reads from the
// terminal stays in the background: an interrupt from there reaches the sidecar alone,
// which ends the app in order. settle takes the terminal back, once the app has ended.
func lendTerminal(stdin io.Reader, app int) (settle func()) {
	f, ok := stdin.(*os.File)
	if !ok {
		return func() {}
	}
	if _, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS); err != nil {
		return func() {} // not a terminal
	}
	t := terminal{fd: int(f.Fd()), app: app, own: unix.Getpgrp()}
	// A background process that sets the foreground group would be stopped for it.
	signal.Ignore(syscall.SIGTTOU)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		t.watch()
	}()
	return func() {
		<-watched
		if t.foreground() == t.app {
			t.give(t.own)
		}
	}
}

type terminal struct{ fd, app, own int }

// watch returns when the app has ended.
func (t *terminal) watch() {
	for {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_PID, t.app, &info, unix.WSTOPPED|unix.WEXITED|unix.WNOWAIT, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil, info.Code != cldStopped:
			return
		}
		// Stops are counted off one by one; the end is left for whoever waits for it.
		if err := unix.Waitid(unix.P_PID, t.app, &info, unix.WSTOPPED|unix.WNOHANG, nil); err != nil {
			return
		}
		t.stopped()
	}
}

// cldStopped is CLD_STOPPED, which tells a stop from an end in what waitid says.
const cldStopped = 5

// stopped goes on after a stop. In the foreground it was a person who stopped the job:
// it stops as a whole, and goes on where it is let go on. In the background the app
// wanted the terminal, which it gets if the job has it.
func (t *terminal) stopped() {
	if t.foreground() == t.app {
		t.give(t.own)
		_ = unix.Kill(unix.Getpid(), unix.SIGSTOP) // it works on oneself, and returns when that is over
	}
	if t.foreground() == t.own {
		t.give(t.app)
	}
	_ = unix.Kill(-t.app, unix.SIGCONT) // it may have ended
}

func (t *terminal) foreground() int {
	group, err := unix.IoctlGetInt(t.fd, unix.TIOCGPGRP)
	if err != nil {
		return -1
	}
	return group
}

func (t *terminal) give(group int) { _ = unix.IoctlSetPointerInt(t.fd, unix.TIOCSPGRP, group) } // a terminal that has gone needs no group
