package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

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
			"file then, and on a terminal it can be opened again, with what has changed on top.",
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: g.completeResource,
		RunE: func(c *cobra.Command, args []string) error {
			kind, err := oneKindOf(args[0])
			if err != nil {
				return fmt.Errorf("edit: %w", err)
			}
			r, err := stored(c, g, mesh.Resource{Kind: kind, Namespace: namespace, Name: args[1]})
			if err != nil {
				return fmt.Errorf("edit: %w", err)
			}
			return edit(c, g, r, confirm)
		},
	}
	c.Flags().StringVarP(&namespace, "namespace", "n", mesh.DefaultNamespace, "namespace of the resource")
	return c
}

// stored is a resource as it is now.
func stored(c *cobra.Command, g *globals, r mesh.Resource) (mesh.Resource, error) {
	all, err := resources(c, g, r.Kind)
	if err != nil {
		return r, err
	}
	for _, one := range all {
		if one.Namespace == r.Namespace && one.Name == r.Name {
			return one, nil
		}
	}
	return r, fmt.Errorf("there is no %s %s/%s", r.Kind, r.Namespace, r.Name)
}

// editing is one resource in the hands of a person.
type editing struct {
	c     *cobra.Command
	g     *globals
	was   mesh.Resource // in whose place the text is put, and in no other's
	file  string
	agree asking
	sent  string // what was refused last; "" is nothing yet
}

// edit lets a person change a manifest until it is applied or given up.
func edit(c *cobra.Command, g *globals, r mesh.Resource, agree asking) error {
	dir, err := os.MkdirTemp("", "sightline-edit-")
	if err != nil {
		return fmt.Errorf("edit: %w", err)
	}
	e := editing{c: c, g: g, was: r, file: filepath.Join(dir, r.Name+".yaml"), agree: agree}
	text, remarks := lines(r.Manifest), ""
	if r.Unreadable != "" {
		remarks = remark + "The control plane cannot read this: " + r.Unreadable + "\n"
	}
	for {
		shown := remarks + text
		next, err := inEditor(c, e.file, shown)
		if err != nil {
			return e.broken(shown, next, err)
		}
		if next == shown || blank(next) || e.sent == "" && withoutRemarks(next) == text {
			return e.giveUp()
		}
		text = withoutRemarks(next)
		done, said, err := e.submit(text)
		if done || err != nil {
			return err
		}
		remarks = said
	}
}

// submit has a text applied. Not done and no error is that it is to be edited again, with
// what is said on top.
func (e *editing) submit(text string) (done bool, remarks string, err error) {
	e.sent = text
	found, err := replace(e.c, e.g, e.was, text)
	switch {
	case isConflict(err):
		remarks, err = e.conflict(err)
		return false, remarks, err
	case err != nil:
		return false, "", keptIn(e.file, text, err)
	case config.Refused(found):
		return false, remarksOf(found), nil
	}
	fmt.Fprintln(e.c.OutOrStdout(), "applied")
	return true, "", os.RemoveAll(filepath.Dir(e.file))
}

// giveUp leaves the resource as it is. What was refused is kept.
func (e *editing) giveUp() error {
	fmt.Fprintln(e.c.ErrOrStderr(), "edit: nothing was changed")
	if e.sent == "" {
		return os.RemoveAll(filepath.Dir(e.file))
	}
	if err := os.WriteFile(e.file, []byte(e.sent), 0o600); err != nil {
		return fmt.Errorf("edit: keep what was written: %w", err)
	}
	fmt.Fprintf(e.c.ErrOrStderr(), "What was written is in %s\n", e.file)
	return errFound
}

// broken is the end of an editor that failed: what it has saved is not lost, and neither is
// what was refused before.
func (e *editing) broken(shown, saved string, err error) error {
	if saved != shown && !blank(saved) {
		return keptIn(e.file, withoutRemarks(saved), err)
	}
	if e.sent == "" {
		return errors.Join(err, os.RemoveAll(filepath.Dir(e.file)))
	}
	return keptIn(e.file, e.sent, err)
}

func blank(text string) bool { return strings.TrimSpace(withoutRemarks(text)) == "" }

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

// inEditor opens a file of that text and is what the file holds afterwards, also where the
// editor failed.
func inEditor(c *cobra.Command, file, text string) (string, error) {
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return "", fmt.Errorf("edit: %w", err)
	}
	// An editor may be given with arguments, as in EDITOR='code --wait'.
	editor := env("VISUAL", env("EDITOR", "vi"))
	run := exec.CommandContext(c.Context(), "sh", "-c", editor+` "$1"`, "edit", file)
	run.Stdin, run.Stdout, run.Stderr = os.Stdin, os.Stdout, os.Stderr
	failed := run.Run()
	if failed != nil {
		failed = fmt.Errorf("edit: run %s: %w", editor, failed)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", errors.Join(failed, fmt.Errorf("edit: %w", err))
	}
	return string(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))), failed
}
