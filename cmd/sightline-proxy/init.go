package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/user"
	"strconv"
	"strings"

	"github.com/sightline-mesh/sightline/proxy/intercept"
)

// initialise is one command line of `sightline-proxy init`.
type initialise struct {
	rules       intercept.Rules
	backend     intercept.Backend
	undo, print bool
}

const initUsage = `usage: sightline-proxy init --uid USER [flags]

init makes the kernel redirect the TCP connections of this network namespace to a
sidecar that runs as USER with --interception transparent, by rules of nftables or,
where that is missing, of iptables. It needs root (CAP_NET_ADMIN). Never redirected:
connections to the machine itself, and what USER opens. A port that is redirected
takes mutual TLS only: exclude those of health checks and of ssh.

`

// parseInit reads a command line. As with run, every flag may be given as an
// environment variable.
func parseInit(args []string, getenv func(string) string, out io.Writer) (initialise, error) {
	i := initialise{backend: intercept.Auto}
	f := flag.NewFlagSet("sightline-proxy init", flag.ContinueOnError)
	f.SetOutput(out)
	f.Usage = func() {
		fmt.Fprint(out, initUsage)
		f.PrintDefaults()
	}
	uid := f.String("uid", "", "user that the sidecar runs as, by number or name: never redirected")
	i.define(f)
	if err := fromEnv(f, getenv); err != nil {
		return i, err
	}
	if err := f.Parse(args); err != nil {
		return i, err
	}
	if f.NArg() > 0 {
		return i, fmt.Errorf("init takes no arguments beside flags: %q", f.Args())
	}
	if i.undo {
		return i, nil
	}
	var err error
	if *uid == "" {
		err = errors.New("uid: want the user that the sidecar runs as")
	} else {
		i.rules.UID, err = parseUser(*uid)
	}
	return i, errors.Join(err, i.rules.Validate())
}

func (i *initialise) define(f *flag.FlagSet) {
	r := &i.rules
	r.OutboundPort, r.InboundPort, r.ExcludeInboundPorts = 15001, 15006, []uint16{22}
	f.Func("outbound-port", "the sidecar's `port` for the app's connections (default 15001)", func(s string) (err error) {
		r.OutboundPort, err = parsePort(s)
		return err
	})
	f.Func("inbound-port", "the sidecar's `port` for connections from outside (default 15006)", func(s string) (err error) {
		r.InboundPort, err = parsePort(s)
		return err
	})
	listFlag(f, "exclude-uids", "`users`, by number or name, whose connections are left alone", &r.ExcludeUIDs, parseUser)
	listFlag(f, "exclude-outbound-ports", "`ports` to which connections are left alone", &r.ExcludeOutboundPorts, parsePort)
	listFlag(f, "include-outbound-cidrs", "the only `destinations` to redirect, 10.0.0.0/8,fd00::/8 (default: all)", &r.IncludeOutboundCIDRs, parseCIDR)
	listFlag(f, "exclude-outbound-cidrs", "`destinations` to leave alone", &r.ExcludeOutboundCIDRs, parseCIDR)
	listFlag(f, "include-inbound-ports", "the only `ports` to redirect from outside (default: all)", &r.IncludeInboundPorts, parsePort)
	listFlag(f, "exclude-inbound-ports", "`ports` to leave alone from outside, such as those of health checks (default 22; empty for none)", &r.ExcludeInboundPorts, parsePort)
	f.Func("backend", "`program` that tells the kernel: auto, nft or iptables (default auto)", func(s string) (err error) {
		i.backend, err = intercept.ParseBackend(s)
		return err
	})
	f.BoolVar(&i.print, "print", false, "show what would be written, and change nothing")
	f.BoolVar(&i.undo, "undo", false, "remove everything that init ever wrote here")
}

// listFlag defines a flag of values between commas. Given, it replaces its default.
func listFlag[T any](f *flag.FlagSet, name, usage string, into *[]T, parse func(string) (T, error)) {
	f.Func(name, usage, func(s string) error {
		var all []T
		for one := range strings.SplitSeq(s, ",") {
			if one = strings.TrimSpace(one); one == "" {
				continue
			}
			v, err := parse(one)
			if err != nil {
				return err
			}
			all = append(all, v)
		}
		*into = all
		return nil
	})
}

func parsePort(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%q is not a port", s)
	}
	return uint16(n), nil
}

// parseCIDR also takes a bare address, for that address alone.
func parseCIDR(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, fmt.Errorf("%q: want a network such as 10.0.0.0/8", s)
	}
	return p, nil
}

func parseUser(s string) (uint32, error) {
	if n, err := strconv.ParseUint(s, 10, 32); err == nil {
		return uint32(n), nil
	}
	u, err := user.Lookup(s)
	if err != nil {
		return 0, fmt.Errorf("uid: %w", err)
	}
	n, err := strconv.ParseUint(u.Uid, 10, 32)
	return uint32(n), err
}

// redirect runs `sightline-proxy init`.
func redirect(args []string) (status int, err error) {
	i, err := parseInit(args, os.Getenv, os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0, nil
	}
	if err != nil {
		return 2, err
	}
	return 0, i.run(context.Background(), os.Stdout)
}

func (i *initialise) run(ctx context.Context, out io.Writer) error {
	switch {
	case i.print:
		_, err := io.WriteString(out, i.text())
		return err
	case i.undo:
		return intercept.Undo(ctx)
	}
	b, err := intercept.Apply(ctx, &i.rules, i.backend)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "redirecting by %s: outbound to port %d, inbound to port %d, but for user %d\n",
		b, i.rules.OutboundPort, i.rules.InboundPort, i.rules.UID)
	return err
}

// text is what would be written; of auto, by nftables.
func (i *initialise) text() string {
	switch {
	case i.undo:
		return "# removes table inet sightline (nft), chains SIGHTLINE_OUTBOUND and SIGHTLINE_INBOUND (iptables, ip6tables), if there\n"
	case i.backend == intercept.IPTables:
		return "# iptables-restore --noflush\n" + i.rules.IPTables("") + "# ip6tables-restore --noflush\n" + i.rules.IP6Tables("")
	}
	return "# nft -f -\n" + i.rules.NFT()
}
