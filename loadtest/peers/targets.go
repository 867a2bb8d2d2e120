package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sightline-mesh/sightline/loadtest/peers/pair"
	"github.com/sightline-mesh/sightline/loadtest/peers/report"
)

// target is something to compare, and how to start it.
type target struct {
	name    string
	http2   bool
	ours    bool                                                 // it needs a mesh around it
	program func(o options) (path string, err error)             // nil for a direct call
	version func(ctx context.Context, o options) (string, error) // nil for what is part of this program
	start   func(context.Context, *comparison, string) (*pair.Running, error)
}

// targets are all there are, each pair next to what it is measured against.
func targets() []target {
	return []target{
		{name: report.Direct, start: direct(false)},
		sidecars("sightline", pair.Sidecars{}),
		sidecars("sightline-quiet", pair.Sidecars{Quiet: true}),
		peer(pair.Nginx, func(o options) (string, error) { return o.nginx, nil }, "-v"),
		peer(pair.HAProxy, func(o options) (string, error) { return o.haproxy, nil }, "-v"),
		peer(pair.ReverseProxy, self, ""),
		peer(pair.Splice, self, ""),
		{name: report.DirectHTTP2, http2: true, start: direct(true)},
		sidecars("sightline-grpc", pair.Sidecars{HTTP2: true}),
		peer(pair.HAProxyHTTP2, func(o options) (string, error) { return o.haproxy, nil }, "-v"),
	}
}

func allTargets() []string {
	var names []string
	for _, t := range targets() {
		names = append(names, t.name)
	}
	return names
}

// chosen are the targets that were asked for.
func (c *comparison) chosen() []target {
	return slices.DeleteFunc(targets(), func(t target) bool { return !slices.Contains(c.o.targets, t.name) })
}

func self(options) (string, error) { return os.Executable() }

func direct(http2 bool) func(context.Context, *comparison, string) (*pair.Running, error) {
	return func(_ context.Context, c *comparison, _ string) (*pair.Running, error) {
		return pair.Direct(c.apps[http2].at, http2), nil
	}
}

// sidecars are a pair of ours.
func sidecars(name string, s pair.Sidecars) target {
	path := func(o options) (string, error) { return filepath.Join(o.bin, "sightline-proxy"), nil }
	return target{
		name: name, http2: s.HTTP2, ours: true, program: path,
		version: func(ctx context.Context, o options) (string, error) {
			v, err := ask(ctx, filepath.Join(o.bin, "sightline-proxy"), "version")
			return "sightline-proxy " + v, err
		},
		start: func(ctx context.Context, c *comparison, _ string) (*pair.Running, error) {
			s.App = c.apps[s.HTTP2].at
			return c.mesh.Start(ctx, s)
		},
	}
}

// peer is a pair of another kind. No flag means that its program is this one.
func peer(k pair.Kind, path func(options) (string, error), flag string) target {
	t := target{name: k.Name, http2: k.HTTP2, program: path}
	if flag != "" {
		t.version = func(ctx context.Context, o options) (string, error) {
			p, err := path(o)
			if err != nil {
				return "", err
			}
			return ask(ctx, p, flag)
		}
	}
	t.start = func(ctx context.Context, c *comparison, dir string) (*pair.Running, error) {
		p, err := path(c.o)
		if err != nil {
			return nil, err
		}
		return pair.Peer{Kind: k, Path: p, Dir: dir, App: c.apps[k.HTTP2].at, Log: c.log}.Start(ctx)
	}
	return t
}

// ask has a program tell its version: the first line of what it prints.
func ask(ctx context.Context, path, flag string) (string, error) {
	out, err := exec.CommandContext(ctx, path, flag).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("ask %s for its version: %w: run `make build tools`", path, err)
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return strings.TrimPrefix(first, "nginx version: "), nil
}
