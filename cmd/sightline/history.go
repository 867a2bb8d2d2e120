package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/aymanbagabas/go-udiff"
	"github.com/spf13/cobra"

	"github.com/sightline-mesh/sightline/cmd/sightline/bundle"
	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func newHistory(g *globals) *cobra.Command {
	var limit int
	var namespace string
	c := &cobra.Command{
		Use:   "history [change | kind [name]]",
		Short: "What changed in the configuration, when and by whom; with a number, what that change did",
		Example: "  sightline history\n" +
			"  sightline history vs reviews\n" +
			"  sightline history 41",
		Args:              cobra.MaximumNArgs(2),
		ValidArgsFunction: g.completeResource,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				if n, err := strconv.ParseUint(args[0], 10, 63); err == nil {
					return showChange(c, g, n)
				}
			}
			args = append(args, "", "")
			kind, err := kindOf(args[0])
			if err != nil {
				return err
			}
			q := url.Values{"limit": {strconv.Itoa(limit)}, "kind": {kind}, "name": {args[1]}, "namespace": {namespace}}
			changes, err := history(c, g, q)
			if err != nil {
				return err
			}
			g.sayNone(c, len(changes), "there is no such change")
			return g.print(c.OutOrStdout(), changes, func(t *table) {
				t.head("CHANGE", "TIME", "BY", "WHAT")
				for _, ch := range changes {
					t.row(ch.Number, ch.Time, ch.By, ch.Summary)
				}
			})
		},
	}
	c.Flags().IntVar(&limit, "limit", mesh.UsualChanges, "how many at most")
	c.Flags().StringVarP(&namespace, "namespace", "n", "", "only of resources in this namespace")
	return c
}

func history(c *cobra.Command, g *globals, q url.Values) ([]mesh.Change, error) {
	api, err := g.api()
	if err != nil {
		return nil, err
	}
	var out struct {
		Changes []mesh.Change `json:"changes"`
	}
	for name, v := range q {
		if v[0] == "" {
			q.Del(name)
		}
	}
	if err := api.Get(c.Context(), "/api/v1/config/history", q, &out); err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	return out.Changes, nil
}

func showChange(c *cobra.Command, g *globals, number uint64) error {
	api, err := g.api()
	if err != nil {
		return err
	}
	var ch mesh.Change
	if err := api.Get(c.Context(), fmt.Sprintf("/api/v1/config/history/%d", number), nil, &ch); err != nil {
		return err // which names it
	}
	if g.output != "text" {
		return g.print(c.OutOrStdout(), ch, nil)
	}
	fmt.Fprintf(c.OutOrStdout(), "# change %d of %s by %s: %s\n", ch.Number, cell(ch.Time), cmp.Or(ch.By, "-"), ch.Summary)
	return writeDiff(c.OutOrStdout(), ch.Resources)
}

// writeDiff writes what changes as a unified diff, a resource being a file.
func writeDiff(w io.Writer, changes []mesh.ChangedResource) error {
	for _, r := range changes {
		name := r.Kind + "/" + r.Namespace + "/" + r.Name
		from, to := "a/"+name, "b/"+name
		if r.Before == "" {
			from = "/dev/null"
		}
		if r.After == "" {
			to = "/dev/null"
		}
		if _, err := io.WriteString(w, udiff.Unified(from, to, lines(r.Before), lines(r.After))); err != nil {
			return err
		}
	}
	return nil
}

// lines is a manifest that ends as text files do.
func lines(manifest string) string {
	if manifest = strings.TrimSpace(manifest); manifest == "" {
		return ""
	}
	return manifest + "\n"
}

func newRestore(g *globals) *cobra.Command {
	var dry bool
	c := &cobra.Command{
		Use:   "restore change",
		Short: "Bring the configuration back to how it stood after a change",
		Long: "Bring the whole configuration back to how it stood after a change, by the number that\n" +
			"`sightline history` shows; 0 is before the first. What came since is undone as one change,\n" +
			"which is checked as any other and can be undone alike. --dry-run shows what would change.",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: g.completeChange,
		RunE: func(c *cobra.Command, args []string) error {
			r, err := restore(c, g, args[0], dry)
			if err != nil {
				return err
			}
			if g.output != "text" {
				err = g.print(c.OutOrStdout(), r, nil)
			} else {
				err = writeDiff(c.OutOrStdout(), r.Changes)
			}
			if len(r.Changes)+len(r.Findings) == 0 {
				fmt.Fprintln(c.ErrOrStderr(), "restore: the configuration is as it was after that change")
			}
			if err == nil && config.Refused(r.Findings) {
				return sayFindings(c.ErrOrStderr(), r.Findings)
			}
			return err
		},
	}
	c.Flags().BoolVar(&dry, "dry-run", false, "only show what would change")
	return c
}

func restore(c *cobra.Command, g *globals, change string, dry bool) (mesh.Restoration, error) {
	var out mesh.Restoration
	number, err := strconv.ParseUint(change, 10, 63)
	if err != nil {
		return out, fmt.Errorf("change %q: want a number that `sightline history` shows", change)
	}
	api, err := g.api()
	if err != nil {
		return out, err
	}
	path := fmt.Sprintf("/api/v1/config/history/%d/restore?dryRun=%t", number, dry)
	err = api.Send(c.Context(), http.MethodPost, path, nil, &out)
	if out.Findings, err = refusalOf(err, out.Findings); err != nil {
		return out, err // which names it
	}
	return out, nil
}

// sayFindings writes findings one on a line, as compilers do, and is errFound.
func sayFindings(w io.Writer, findings []mesh.Finding) error {
	paint := colours(w)
	for _, f := range sorted(findings) {
		if _, err := fmt.Fprintln(w, line(f, paint)); err != nil {
			return err
		}
	}
	return errFound
}

func newDiff(g *globals) *cobra.Command {
	var files []string
	c := &cobra.Command{
		Use:   "diff (-f file… | change)",
		Short: "What a manifest would change, or a return to an earlier change; exit status 1 if anything",
		Example: "  sightline diff -f routes.yaml\n" +
			"  sightline diff 41",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: g.completeChange,
		RunE: func(c *cobra.Command, args []string) error {
			changes, err := differences(c, g, files, args)
			if err != nil {
				return err
			}
			if g.output != "text" {
				err = g.print(c.OutOrStdout(), changes, nil)
			} else {
				err = writeDiff(c.OutOrStdout(), changes)
			}
			if err == nil && len(changes) > 0 {
				return errFound
			}
			return err
		},
	}
	c.Flags().StringArrayVarP(&files, "file", "f", nil, "manifest, or a directory of them; - is standard input")
	return c
}

func differences(c *cobra.Command, g *globals, files, args []string) ([]mesh.ChangedResource, error) {
	switch {
	case len(files) > 0 && len(args) > 0, len(files)+len(args) == 0:
		return nil, errors.New("diff: want either -f with a manifest or the number of a change")
	case len(args) > 0:
		r, err := restore(c, g, args[0], true)
		return r.Changes, err
	}
	m, err := bundle.Read(files, c.InOrStdin())
	if err != nil {
		return nil, err
	}
	objects, bad := config.Read(m.Text)
	if len(bad) > 0 {
		_ = sayFindings(c.ErrOrStderr(), m.Place(bad)) // the error says enough
		return nil, errors.New("diff: the manifest cannot be read")
	}
	stored, err := resources(c, g, "")
	if err != nil {
		return nil, err
	}
	return differing(objects, stored), nil
}

// differing is what applying the objects would change.
func differing(objects []config.Object, stored []mesh.Resource) []mesh.ChangedResource {
	type ref struct{ kind, namespace, name string }
	there := map[ref]string{}
	for _, r := range stored {
		there[ref{r.Kind, r.Namespace, r.Name}] = r.Manifest
	}
	out := []mesh.ChangedResource{}
	for _, o := range objects {
		before := there[ref{o.Kind, o.Namespace, o.Name}]
		if after := string(o.Unversioned()); lines(before) != lines(after) {
			out = append(out, mesh.ChangedResource{Kind: o.Kind, Namespace: o.Namespace, Name: o.Name, Before: before, After: after}.Told())
		}
	}
	return out
}
