package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sightline-mesh/sightline/cmd/sightline/client"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// errEnough ends a tap that has seen what it was to see.
var errEnough = errors.New("enough")

// tapFlags choose requests.
type tapFlags struct {
	to, from, method, path, authority, status string
	maxRPS                                    uint32
	lasts                                     time.Duration
}

func (f *tapFlags) register(c *cobra.Command) {
	s := c.Flags()
	s.StringVar(&f.to, "to", "", "only requests to this service (service[:version])")
	s.StringVar(&f.from, "from", "", "only requests from this service (service[:version])")
	s.StringVar(&f.method, "method", "", "only this method")
	s.StringVar(&f.path, "path", "", "only paths that begin so")
	s.StringVar(&f.authority, "authority", "", "only this host, as callers write it")
	s.StringVar(&f.status, "status", "", "only this status, 503, or class, 5xx")
	s.Uint32Var(&f.maxRPS, "max-rps", mesh.DefaultTapRate, "at most so many requests per second; the rest is counted")
	s.DurationVar(&f.lasts, "for", 0, "end after this time (default: at Ctrl-C)")
	c.MarkFlagsMutuallyExclusive("to", "from")
}

// query is the target and the flags as the API takes them.
func (f *tapFlags) query(target string) (url.Values, error) {
	t, err := parseTarget(target)
	if err != nil {
		return nil, err
	}
	q := url.Values{}
	set := func(name, value string) {
		if value != "" {
			q.Set(name, value)
		}
	}
	set("service", string(t.Service))
	set("version", string(t.Version))
	set("instance", string(t.Instance))
	set("method", strings.ToUpper(f.method))
	set("path", f.path)
	set("authority", f.authority)
	set("status", f.status)
	set("maxRps", strconv.FormatUint(uint64(f.maxRPS), 10))
	for direction, peer := range map[string]string{mesh.OutboundTap: f.to, mesh.InboundTap: f.from} {
		if peer == "" {
			continue
		}
		p, err := parseTarget(peer)
		if err != nil {
			return nil, err
		}
		set("direction", direction)
		set("peer", string(p.Service))
		set("peerVersion", string(p.Version))
	}
	return q, nil
}

// parseTarget reads service[:version][/instance]; a service may be named as elsewhere.
func parseTarget(s string) (mesh.Target, error) {
	rest, instance, _ := strings.Cut(s, "/")
	name, version, _ := strings.Cut(rest, ":")
	service, err := mesh.ResolveHost(name, "")
	if err != nil {
		return mesh.Target{}, fmt.Errorf("%q: want service[:version][/instance]: %w", s, err)
	}
	return mesh.Target{Service: service, Version: mesh.Version(version), Instance: mesh.InstanceID(instance)}, nil
}

// serviceNamed is a service by any spelling that a caller of it may use.
func serviceNamed(s string) (mesh.ServiceName, error) {
	name, err := mesh.ResolveHost(s, "")
	if err != nil {
		return "", fmt.Errorf("service %q: want a name such as reviews or reviews.shop: %w", s, err)
	}
	return name, nil
}

func newTap(g *globals) *cobra.Command {
	var f tapFlags
	var headers bool
	var number int
	c := &cobra.Command{
		Use:   "tap service[:version][/instance]",
		Short: "Watch requests of a service's sidecars as they end",
		Long: "Watch requests of a service's sidecars as they end: those to the service and those it makes.\n" +
			"Bodies are never shown; values of header fields and parameters that may be secret are left out.\n" +
			"Output (-o): text, wide, or json, one object per line.",
		Example: "  sightline tap reviews --to ratings --method GET --path /ratings --status 5xx --max-rps 100 -o wide",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			line, err := tapLine(g.output)
			if err != nil {
				return err
			}
			out, seen := c.OutOrStdout(), 0
			err = f.follow(c, g, args[0], headers, func(r *mesh.Tapped) error {
				if _, err := io.WriteString(out, line(r)+"\n"); err != nil {
					return fmt.Errorf("write: %w", err)
				}
				if seen++; seen == number {
					return errEnough
				}
				return nil
			})
			return err
		},
	}
	f.register(c)
	c.Flags().BoolVar(&headers, "headers", false, "with header fields (always so in json)")
	c.Flags().IntVarP(&number, "number", "n", 0, "end after so many requests")
	c.PreRun = func(*cobra.Command, []string) { headers = headers || g.output == "json" }
	return c
}

// follow gives do each request until it has seen enough, the time is over or the person
// ends it. What was not shown is said at the end.
func (f *tapFlags) follow(c *cobra.Command, g *globals, target string, headers bool, do func(*mesh.Tapped) error) error {
	api, err := g.api()
	if err != nil {
		return err
	}
	q, err := f.query(target)
	if err != nil {
		return err
	}
	q.Set("headers", strconv.FormatBool(headers))
	ctx := c.Context()
	if f.lasts > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.lasts)
		defer cancel()
	}
	w := watcher{to: c.ErrOrStderr(), target: target}
	err = w.watch(ctx, api, q, do)
	w.end()
	if errors.Is(err, errEnough) || ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("tap %s: %w", target, err)
	}
	return nil
}

// watcher says on standard error what a tap does not show.
type watcher struct {
	to     io.Writer
	target string
	told   bool
	last   mesh.TapStatus
	silent string // said last
}

func (w *watcher) watch(ctx context.Context, api *client.Client, q url.Values, do func(*mesh.Tapped) error) error {
	return api.Stream(ctx, "/api/v1/tap", q, func(name string, data []byte) error {
		if name == "status" {
			return w.status(data)
		}
		r := &mesh.Tapped{}
		if err := json.Unmarshal(data, r); err != nil {
			return fmt.Errorf("decode request: %w", err)
		}
		return do(r)
	})
}

func (w *watcher) status(data []byte) error {
	if err := json.Unmarshal(data, &w.last); err != nil {
		return fmt.Errorf("decode status: %w", err)
	}
	if !w.told && w.last.Sidecars == 0 {
		_, _ = fmt.Fprintf(w.to, "no sidecar of %s is connected; waiting for one\n", w.target)
	}
	w.told = true
	if w.last.Silent != w.silent && w.last.Silent != "" {
		_, _ = fmt.Fprintf(w.to, "not heard: the sidecars of %s, which does not answer\n", w.last.Silent)
	}
	w.silent = w.last.Silent
	return nil
}

func (w *watcher) end() {
	if w.last.Limited > 0 || w.last.Dropped > 0 {
		_, _ = fmt.Fprintf(w.to, "not shown: %d requests beyond --max-rps, %d for which there was no room\n", w.last.Limited, w.last.Dropped)
	}
}
