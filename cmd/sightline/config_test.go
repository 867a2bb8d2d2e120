package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/event"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/resource"
	"github.com/sightline-mesh/sightline/controlplane/store"
	"github.com/sightline-mesh/sightline/ui"
	"github.com/sightline-mesh/sightline/ui/api"
	"github.com/sightline-mesh/sightline/ui/api/apitest"
)

// shop is the API of a made-up shop over a configuration that is really kept.
type shop struct {
	dir    string
	server string
}

func openShop(t *testing.T) shop {
	t.Helper()
	dir := t.TempDir()
	kept, err := store.Open(t.Context(), store.Config{Dir: filepath.Join(dir, "etcd")})
	if err != nil {
		t.Fatal(err)
	}
	keeper := resource.New(resource.Deps{
		Store: kept, Events: event.New(kept, nil),
		Instances: func(context.Context) ([]mesh.Instance, error) {
			return []mesh.Instance{{ID: "a", Service: "reviews", Version: "v1", Labels: map[string]string{"version": "v1"}}}, nil
		},
	})
	deps := apitest.New(time.Now).Deps()
	deps.Logger = slog.New(slog.DiscardHandler)
	deps.Config = refusing{keeper}
	deps.History = func(ctx context.Context, q api.HistoryQuery) ([]mesh.Change, error) {
		return keeper.History(ctx, q.Below, q.Limit, resource.Ref{Kind: q.Kind, Namespace: q.Namespace, Name: q.Name})
	}
	deps.Restore, deps.Change = keeper.Restore, keeper.Change
	known := deps.Status
	deps.Status = func(err error) int {
		switch {
		case errors.Is(err, resource.ErrStale):
			return http.StatusConflict
		case errors.Is(err, resource.ErrRefused):
			return http.StatusUnprocessableEntity
		case errors.Is(err, resource.ErrNotFound), errors.Is(err, resource.ErrNoSuchChange):
			return http.StatusNotFound
		}
		return known(err)
	}
	deps.DeleteConfig = func(ctx context.Context, kind, namespace, name, by string) error {
		findings, err := keeper.Delete(ctx, resource.Ref{Kind: kind, Namespace: namespace, Name: name}, by)
		if len(findings) > 0 && err != nil { // as the control plane's admin API says it
			return fmt.Errorf("%w: %w", err, &admin.Error{Findings: findings})
		}
		return err
	}
	u, err := ui.New(t.Context(), ui.Config{Listen: "127.0.0.1:0", Dir: filepath.Join(dir, "ui")}, deps)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- u.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-served, kept.Close()); err != nil {
			t.Error(err)
		}
	})
	return shop{dir, u.URL()}
}

// refusing says a refusal by findings alone, as the control plane's admin API does.
type refusing struct{ *resource.Keeper }

func (r refusing) Apply(ctx context.Context, manifest []byte, by string, dryRun bool) ([]mesh.Finding, error) {
	findings, err := r.Keeper.Apply(ctx, manifest, by, dryRun)
	if len(findings) > 0 {
		err = nil
	}
	return findings, err
}

func (r refusing) Replace(ctx context.Context, manifest []byte, version uint64, by string) ([]mesh.Finding, error) {
	findings, err := r.Keeper.Replace(ctx, manifest, version, by)
	if len(findings) > 0 {
		err = nil
	}
	return findings, err
}

// run is what a command writes, and its error.
func (s shop) run(t *testing.T, stdin string, args ...string) (string, error) {
	t.Helper()
	root := newRoot()
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetIn(strings.NewReader(stdin))
	root.SetArgs(append([]string{"--server", s.server, "--dir", s.dir}, args...))
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

const (
	oneVersion = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata:\n  name: reviews\nspec:\n  host: reviews\n  subsets:\n  - name: v1\n    labels: {version: v1}\n"
	toV1       = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata:\n  name: reviews\nspec:\n  hosts: [reviews]\n  http:\n  - timeout: 2s\n    route:\n    - destination: {host: reviews, subset: v1}\n"
)

func TestConfigurationCommands(t *testing.T) {
	s := openShop(t)
	toV9 := strings.Replace(toV1, "subset: v1", "subset: v9", 1)
	longer := strings.Replace(toV1, "2s", "3s", 1)
	t.Setenv("VISUAL", "")
	for _, step := range []struct {
		name  string
		stdin string
		args  []string
		edit  string // what the editor does to the file
		found bool   // the command says so by its status
		fails string // what it says when it cannot do it
		want  []string
		lacks []string
	}{
		{name: "diff of what is new", stdin: oneVersion, args: []string{"diff", "-f", "-"}, found: true, want: []string{"--- /dev/null", "+++ b/DestinationRule/default/reviews", "+  host: reviews"}},
		{name: "apply", stdin: oneVersion + "---\n" + toV1, args: []string{"apply", "-f", "-"}, want: []string{"applied"}},
		{name: "diff of nothing", stdin: toV1, args: []string{"diff", "-f", "-"}, lacks: []string{"reviews"}},
		{name: "diff", stdin: longer, args: []string{"diff", "-f", "-"}, found: true, want: []string{"-  - timeout: 2s\n+  - timeout: 3s\n"}, lacks: []string{"DestinationRule"}},
		{name: "diff of nonsense", stdin: "kind: X\n", args: []string{"diff", "-f", "-"}, fails: "cannot be read", want: []string{`<stdin>:1: error SL0002: document 1: apiVersion`}},
		{name: "diff of what?", args: []string{"diff"}, fails: "-f with a manifest or the number"},
		{name: "edit", args: []string{"edit", "vs", "reviews"}, edit: "s/2s/3s/", want: []string{"applied"}},
		{name: "edit to no end", args: []string{"edit", "vs", "reviews"}, edit: "s/3s/3s/", want: []string{"nothing was changed"}},
		{name: "edit refused, then given up", args: []string{"edit", "vs", "reviews"}, edit: "s/subset: v1/subset: v9/", found: true, want: []string{"nothing was changed"}},
		{name: "edit to another name", args: []string{"edit", "vs", "reviews"}, edit: "s/name: reviews/name: ratings/", found: true, want: []string{"nothing was changed"}},
		{name: "edit what is not there", args: []string{"edit", "vs", "ratings"}, fails: "no VirtualService default/ratings"},
		{name: "get", args: []string{"get", "virtualservices", "reviews"}, want: []string{"timeout: 3s", "subset: v1"}},
		{name: "refused", stdin: toV9, args: []string{"apply", "-f", "-"}, found: true, want: []string{"<stdin>:10: error SL0102: ", "v9"}},
		{name: "get as JSON", args: []string{"get", "vs", "reviews", "-o", "json"}, want: []string{`"kind": "VirtualService"`, `"version": `}},
		{name: "history", args: []string{"history"}, want: []string{"2       ", "applied VirtualService default/reviews", "applied DestinationRule default/reviews, VirtualService default/reviews"}},
		{name: "history of one", args: []string{"history", "dr", "reviews"}, want: []string{"1       "}, lacks: []string{"2       "}},
		{name: "what a change did", args: []string{"history", "2"}, want: []string{"# change 2", "-  - timeout: 2s\n+  - timeout: 3s\n"}},
		{name: "a change there is not", args: []string{"history", "7"}, fails: "no such change: 7; the newest is 2"},
		{name: "diff to a change", args: []string{"diff", "1"}, found: true, want: []string{"-  - timeout: 3s\n+  - timeout: 2s\n"}},
		{name: "restore, to look", args: []string{"restore", "1", "--dry-run"}, want: []string{"+  - timeout: 2s\n"}},
		{name: "still as it was", args: []string{"get", "vs", "reviews"}, want: []string{"timeout: 3s"}},
		{name: "restore", args: []string{"restore", "1"}, want: []string{"-  - timeout: 3s\n+  - timeout: 2s\n"}},
		{name: "as it had been", args: []string{"get", "vs", "reviews"}, want: []string{"timeout: 2s"}},
		{name: "restore what is not there", args: []string{"restore", "99"}, fails: "no such change: 99; the newest is 3"},
		{name: "restore nonsense", args: []string{"restore", "v1"}, fails: `"v1": want a number`},
		{name: "unknown kind", args: []string{"get", "gatewayz"}, fails: "want virtualservice, destinationrule"},
		{name: "one policy among several kinds", args: []string{"get", "authorizationpolicies"}, want: []string{"KIND"}},
		{
			name: "apply what a repository has", stdin: toV1 + "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: reviews}\nspec: {replicas: 1}\n---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: reviews}\n",
			args: []string{"apply", "-f", "-"}, want: []string{"2 documents of kinds that are not for the mesh: Deployment, ServiceAccount", "applied"},
		},
	} {
		t.Setenv("EDITOR", "sed -i '"+step.edit+"'")
		out, err := s.run(t, step.stdin, step.args...)
		switch {
		case step.fails != "":
			if err == nil || errors.Is(err, errFound) || !strings.Contains(err.Error(), step.fails) {
				t.Errorf("%s: %v, want an error of %q", step.name, err, step.fails)
			}
		case step.found != errors.Is(err, errFound), !step.found && err != nil:
			t.Errorf("%s: %v, want findings %v\n%s", step.name, err, step.found, out)
		}
		for _, want := range step.want {
			if !strings.Contains(out, want) {
				t.Errorf("%s: %q lacks %q", step.name, out, want)
			}
		}
		for _, not := range step.lacks {
			if strings.Contains(out, not) {
				t.Errorf("%s: %q has %q", step.name, out, not)
			}
		}
	}
}

// TestRefusalsAreToldAlike: with their code, and where it is written.
func TestRefusalsAreToldAlike(t *testing.T) {
	s := openShop(t)
	for _, manifest := range []string{oneVersion, oneVersion + "---\n" + toV1, "kind: X\n"} {
		_, _ = s.run(t, manifest, "apply", "-f", "-") // the last is refused
	}
	out, err := s.run(t, "", "delete", "dr", "reviews")
	if !errors.Is(err, errFound) || !strings.HasPrefix(out, "error SL0102: VirtualService default/reviews: spec.http[0].route[0].destination.subset: ") {
		t.Errorf("delete: %v: %s", err, out)
	}
	shown := remarksOf([]mesh.Finding{{Code: "SL0102", Severity: "error", Resource: "VirtualService default/reviews", Path: "spec", Message: "no", Line: 3}})
	if want := remark + "line:5: error SL0102: VirtualService default/reviews: spec: no\n"; !strings.HasSuffix(shown, want) {
		t.Errorf("edit shows %q, want it to end %q, the line as it is seen there", shown, want)
	}
}

// TestRefusedEditIsShownAgain with the reasons on top.
func TestRefusedEditIsShownAgain(t *testing.T) {
	s := openShop(t)
	if _, err := s.run(t, oneVersion+"---\n"+toV1, "apply", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	seen := filepath.Join(t.TempDir(), "seen")
	script := filepath.Join(t.TempDir(), "editor")
	// The first time it makes a mistake, the second it mends it.
	if err := os.WriteFile(script, []byte("#!/bin/sh\nif [ -e "+seen+" ]; then cp \"$1\" "+seen+"; sed -i 's/subset: v9/subset: v1/; s/2s/4s/' \"$1\"; else : > "+seen+"; sed -i 's/subset: v1/subset: v9/' \"$1\"; fi\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("VISUAL", script)
	out, err := s.run(t, "", "edit", "vs", "reviews")
	if err != nil || !strings.Contains(out, "applied") {
		t.Fatalf("%v: %s", err, out)
	}
	shown, err := os.ReadFile(seen)
	if err != nil || !strings.HasPrefix(string(shown), remark) || !strings.Contains(string(shown), `v9`) || !strings.Contains(string(shown), "kind: VirtualService") {
		t.Errorf("shown again: %v\n%s", err, shown)
	}
	now, err := s.run(t, "", "get", "vs", "reviews")
	if err != nil || !strings.Contains(now, "timeout: 4s") || strings.Contains(now, remark) {
		t.Errorf("applied: %v\n%s", err, now)
	}
}

func TestLookingCommands(t *testing.T) {
	s := openShop(t)
	if _, err := s.run(t, oneVersion+"---\n"+toV1, "apply", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args  []string
		want  []string
		fails string
	}{
		{args: []string{"proxies"}, want: []string{"INSTANCE", "reviews-v1-1", "refused: compile route"}},
		{args: []string{"proxies", "--service", "shipping", "-o", "json"}, want: []string{`"id": "shipping-v1-1"`}},
		{args: []string{"proxies", "reviews-v1-1"}, want: []string{"spiffe://mesh.local/ns/default/sa/reviews", "catalog users"}},
		{args: []string{"proxies", "nobody"}, fails: `no instance "nobody"`},
		{args: []string{"describe", "reviews"}, want: []string{"reviews: ", "reviews-v2-1", "VERSION", "v3", "CALLED BY", "VirtualService default/reviews", "DestinationRule default/reviews"}},
		{args: []string{"describe", "nobody"}, fails: `service "nobody" is not in the mesh`},
		{args: []string{"breaker"}, want: []string{"TARGET"}},
		{args: []string{"breaker", "trip", "reviews:v2", "--reason", "bad release"}, want: []string{"reviews:v2", "tripped", "bad release"}},
		{args: []string{"breaker", "trip", "reviews", "--reason", "x"}, fails: "version"},
		{args: []string{"breaker", "release", "nothing"}, fails: "nothing"},
		{args: []string{"why", "00000000000000000000000000000000"}, want: []string{"TOLD BY", "ENDED BY"}},
		{args: []string{"traffic", "nobody"}, fails: "nobody"},
		{args: []string{"get", "-o", "xml"}, fails: `-o, --output "xml": want text, json or yaml`},
		{args: []string{"get", "-o", "wide"}, fails: "is for tap"},
		{args: []string{"get", "-o", "table"}, want: []string{"KIND"}},
		{args: []string{"__complete", "restore", ""}, want: []string{"1\tapplied DestinationRule default/reviews"}},
		{args: []string{"__complete", "traffic", ""}, want: []string{"payments\n"}},
		{args: []string{"__complete", "traces", "--service", ""}, want: []string{"payments\n"}},
		{args: []string{"__complete", "traces", "--status", ""}, want: []string{"error\n"}},
		{args: []string{"__complete", "trace", ""}, want: []string{"\tgateway GET /"}},
		{args: []string{"__complete", "get", "-o", ""}, want: []string{"json\n"}},
		{args: []string{"__complete", "get", ""}, want: []string{"virtualservice\n", "destinationrule\n"}},
		{args: []string{"__complete", "edit", "vs", ""}, want: []string{"reviews\n"}},
		{args: []string{"__complete", "describe", ""}, want: []string{"payments\n", "reviews\n"}},
		{args: []string{"__complete", "proxies", ""}, want: []string{"reviews-v1-1\n"}},
	} {
		out, err := s.run(t, "", c.args...)
		if (err != nil) != (c.fails != "") || err != nil && !strings.Contains(err.Error(), c.fails) {
			t.Errorf("%v: %v, want an error of %q", c.args, err, c.fails)
		}
		for _, want := range c.want {
			if !strings.Contains(out, want) {
				t.Errorf("%v: %q lacks %q", c.args, out, want)
			}
		}
	}
}
