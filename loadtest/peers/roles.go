package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/sightline-mesh/sightline/loadtest/peers/baseline"
	"github.com/sightline-mesh/sightline/loadtest/peers/drive"
	"github.com/sightline-mesh/sightline/loadtest/peers/echo"
	"github.com/sightline-mesh/sightline/loadtest/peers/proc"
)

// The parts that this program plays in processes of its own, as first argument.
const (
	roleApp       = "act-as-app"
	roleGRPCApp   = "act-as-grpc-app"
	roleGenerator = "act-as-generator"
)

// act plays a part, or reports that the arguments name none.
func act(ctx context.Context, args []string, stdout io.Writer) (bool, error) {
	switch {
	case len(args) == 0:
		return false, nil
	case args[0] == roleApp:
		return true, actApp(ctx, stdout, func() (app, error) { return echo.Listen() })
	case args[0] == roleGRPCApp:
		return true, actApp(ctx, stdout, func() (app, error) { return echo.ListenGRPC() })
	case args[0] == roleGenerator:
		return true, actGenerator(ctx, os.Stdin, stdout)
	case len(args) == 2 && (args[0] == baseline.RoleReverseProxy || args[0] == baseline.RoleSplice):
		return true, baseline.Act(ctx, args[0], args[1])
	}
	return false, nil
}

// app is what answers requests.
type app interface {
	Address() netip.AddrPort
	Serve(ctx context.Context) error
}

// actApp prints the app's address and serves.
func actApp(ctx context.Context, stdout io.Writer, listen func() (app, error)) error {
	a, err := listen()
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(stdout, a.Address()); err != nil {
		return err
	}
	return a.Serve(ctx)
}

// actGenerator reads a plan, carries it out and prints the result.
func actGenerator(ctx context.Context, stdin io.Reader, stdout io.Writer) error {
	var p drive.Plan
	if err := json.NewDecoder(stdin).Decode(&p); err != nil {
		return fmt.Errorf("read plan: %w", err)
	}
	r, err := drive.Run(ctx, p)
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(r)
}

// startApp starts an app, by its role, in a process of its own.
func startApp(ctx context.Context, role string, log io.Writer) (*proc.Process, netip.AddrPort, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, netip.AddrPort{}, fmt.Errorf("start app: %w", err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, netip.AddrPort{}, fmt.Errorf("start app: %w", err)
	}
	defer func() { _ = r.Close() }()
	p, err := proc.Start(ctx, proc.Command{Path: self, Args: []string{role}, Env: os.Environ(), Stdout: w, Log: log})
	_ = w.Close() // the app has its own
	if err != nil {
		return nil, netip.AddrPort{}, err
	}
	line, err := bufio.NewReader(r).ReadString('\n')
	at, bad := netip.ParseAddrPort(strings.TrimSpace(line))
	if err = errors.Join(err, bad); err != nil {
		return nil, netip.AddrPort{}, errors.Join(fmt.Errorf("start app: %w", err), p.Stop())
	}
	return p, at, nil
}

// generate carries a plan out in a process of its own and tells what processor time
// that took.
func generate(ctx context.Context, p drive.Plan) (r drive.Result, used time.Duration, err error) {
	self, err := os.Executable()
	if err != nil {
		return r, 0, fmt.Errorf("generate load: %w", err)
	}
	plan, err := json.Marshal(p)
	if err != nil {
		return r, 0, fmt.Errorf("generate load: %w", err)
	}
	cmd := exec.CommandContext(ctx, self, roleGenerator)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(plan), &stdout, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := cmd.Run(); err != nil {
		return r, 0, fmt.Errorf("generate load: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		return r, 0, fmt.Errorf("generate load: read result: %w", err)
	}
	return r, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}
