package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sightline-mesh/sightline/cmd/sightline/client"
	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func newEdit(g *globals) *cobra.Command {
	var namespace string
	c := &cobra.Command{
		Use:   "edit kind name",
		Short: "Edit a piece of configuration in $VISUAL or $EDITOR and apply it",
		Long: "Edit a piece of configuration in $VISUAL or $EDITOR (vi otherwise) and apply it. What is\n" +
			"refused is opened again with the reasons on top; leave it as it is, or empty, to give up.\n" +
			"What somebody else has changed meanwhile is not overwritten: what was written is kept in a\n" +
			"file then.",
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: g.completeResource,
		RunE: func(c *cobra.Command, args []string) error {
			kind, err := kindOf(args[0])
			if err != nil {
				return err
			}
			all, err := resources(c, g, kind)
			if err != nil {
				return err
			}
			for _, r := range all {
				if r.Namespace == namespace && r.Name == args[1] {
					return edit(c, g, r)
				}
			}
			return fmt.Errorf("edit: there is no %s %s/%s", kind, namespace, args[1])
		},
	}
	c.Flags().StringVarP(&namespace, "namespace", "n", mesh.DefaultNamespace, "namespace of the resource")
	return c
}

// edit lets a person change a manifest until it is applied or given up.
func edit(c *cobra.Command, g *globals, r mesh.Resource) error {
	dir, err := os.MkdirTemp("", "sightline-edit-")
	if err != nil {
		return fmt.Errorf("edit: %w", err)
	}
	file := filepath.Join(dir, r.Name+".yaml")
	text, remarks := lines(r.Manifest), ""
	if r.Unreadable != "" {
		remarks = remark + "The control plane cannot read this: " + r.Unreadable + "\n"
	}
	for first := true; ; first = false {
		next, err := inEditor(c, file, remarks+text)
		if err != nil {
			return err
		}
		next = withoutRemarks(next)
		if strings.TrimSpace(next) == "" || next == text {
			fmt.Fprintln(c.ErrOrStderr(), "edit: nothing was changed")
			if !first {
				return errFound
			}
			return os.RemoveAll(dir)
		}
		found, err := replace(c, g, r, next)
		if err != nil {
			return keptIn(file, next, err)
		}
		if !config.Refused(found) {
			fmt.Fprintln(c.OutOrStdout(), "applied")
			return os.RemoveAll(dir)
		}
		text, remarks = next, remarksOf(found)
	}
}

// replace puts a text in the place of the version of a resource that was to be edited, and
// of no other. An error among the findings says that it did not.
func replace(c *cobra.Command, g *globals, r mesh.Resource, text string) ([]mesh.Finding, error) {
	if found := otherThan(r, text); found != nil {
		return found, nil
	}
	made, err := submit(c, g, []byte(text), configPath+"?version="+strconv.FormatUint(r.Version, 10))
	return made.Findings, err
}

// otherThan is what is wrong with a text that is not of the resource that was to be
// edited. What cannot be read is for the control plane to refuse.
func otherThan(r mesh.Resource, text string) []mesh.Finding {
	objects, bad := config.Read([]byte(text))
	if len(bad) > 0 {
		return nil
	}
	was := fmt.Sprintf("%s %s/%s", r.Kind, r.Namespace, r.Name)
	if len(objects) != 1 {
		return []mesh.Finding{config.CodeValue.On(was, "", "there are %d resources in it; edit is for one, apply for several", len(objects))}
	}
	o := objects[0]
	for _, field := range []struct{ path, was, is string }{
		{"kind", r.Kind, o.Kind}, {"metadata.namespace", r.Namespace, o.Namespace}, {"metadata.name", r.Name, o.Name},
	} {
		if field.was != field.is {
			return config.Locate([]mesh.Finding{config.CodeValue.On(o.Key(), field.path,
				"%q was %q: edit changes the one resource; make another one with apply, and delete this one", field.is, field.was)}, objects)
		}
	}
	return nil
}

// keptIn is an error of who has to go on with what was written.
func keptIn(file, text string, err error) error {
	if kept := os.WriteFile(file, []byte(text), 0o600); kept != nil {
		return fmt.Errorf("%w (and what was written could not be kept: %w)", err, kept)
	}
	err = fmt.Errorf("%w\nWhat was written is in %s", err, file)
	if p, ok := errors.AsType[*client.ProblemError](err); ok && p.Status == http.StatusConflict {
		err = fmt.Errorf("%w: `sightline diff -f` shows how it differs from what is there now, and `sightline apply -f` puts it in its place", err)
	}
	return err
}

// remark begins the lines that tell why a manifest was refused.
const remark = "#! "

// remarksOf are those lines. The findings' are those of the text that stands below them.
func remarksOf(findings []mesh.Finding) string {
	write := func(below int) string {
		var b strings.Builder
		b.WriteString(remark + "This was not applied. These lines are left out when it is.\n")
		for _, f := range sorted(findings) {
			if f.Line > 0 {
				f.File, f.Line = "line", f.Line+below
			}
			for text := range strings.Lines(line(f, plain)) {
				b.WriteString(remark + strings.TrimRight(text, "\n") + "\n")
			}
		}
		return b.String()
	}
	return write(strings.Count(write(0), "\n"))
}

func withoutRemarks(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, remark) {
			b.WriteString(line)
		}
	}
	return b.String()
}

// inEditor opens a file of that text and is what the file holds afterwards.
func inEditor(c *cobra.Command, file, text string) (string, error) {
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return "", fmt.Errorf("edit: %w", err)
	}
	// An editor may be given with arguments, as in EDITOR='code --wait'.
	editor := env("VISUAL", env("EDITOR", "vi"))
	run := exec.CommandContext(c.Context(), "sh", "-c", editor+` "$1"`, "edit", file)
	run.Stdin, run.Stdout, run.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := run.Run(); err != nil {
		return "", fmt.Errorf("edit: run %s: %w", editor, err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("edit: %w", err)
	}
	return string(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))), nil
}
