package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/sightline-mesh/sightline/proxy/restart"
)

// restartSidecar has the sidecar of a state directory replaced by this very program. It
// returns when the new process carries requests.
func restartSidecar(args []string) (status int, err error) {
	dir, flags, err := parseRestart(args, os.Getenv)
	if err != nil {
		return 2, err
	}
	program, err := os.Executable()
	if err != nil {
		return 1, fmt.Errorf("find this program: %w", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := restart.Ask(ctx, dir, restart.Request{Program: program, Args: flags}); err != nil {
		return 1, fmt.Errorf("restart: %w", err)
	}
	return 0, nil
}

// parseRestart takes the directory out of run's flags. The others are checked where they
// are added to those that the sidecar was started with.
func parseRestart(args []string, getenv func(string) string) (dir string, flags []string, err error) {
	dir = getenv("SIGHTLINE_DIR")
	ported := false
	for i := 0; i < len(args); i++ {
		switch args[i] {
		case "--dir", "-dir":
			if i++; i == len(args) {
				return "", nil, errors.New("dir: want the sidecar's state directory")
			}
			dir = args[i]
		case "--":
			return "", nil, errors.New("restart: the app runs on; want flags of run, and no app")
		default:
			if !ported && isPortFlag(args[i]) { // in the place of those it runs with, as every flag
				ported = true
				flags = append(flags, "--port=")
			}
			flags = append(flags, args[i])
		}
	}
	if dir == "" {
		return "", nil, errors.New("dir: want the sidecar's state directory; it says at its start which one it is")
	}
	if len(flags) > 0 {
		known := command{}
		if err := known.check(flags); err != nil {
			return "", nil, err
		}
	}
	return dir, flags, nil
}

func isPortFlag(arg string) bool {
	name, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-"), "=")
	return name == "port" && strings.HasPrefix(arg, "-")
}

// check parses flags alone, to say at once which one is unknown.
func (c *command) check(flags []string) error {
	f := c.flags(io.Discard)
	if err := f.Parse(flags); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("restart: %q is no flag of run", f.Arg(0))
	}
	return nil
}
