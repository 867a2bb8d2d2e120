package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
			"refused is opened again with the reasons on top; leave it as it is, or empty, to give up.",
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
	for {
		next, err := inEditor(c, file, remarks+text)
		if err != nil {
			return err
		}
		next = withoutRemarks(next)
		if strings.TrimSpace(next) == "" || next == text {
			fmt.Fprintln(c.ErrOrStderr(), "edit: nothing was changed")
			if remarks != "" {
				return errFound
			}
			return os.RemoveAll(dir)
		}
		made, err := submit(c, g, []byte(next), configPath)
		if err != nil {
			return fmt.Errorf("%w (what was written is in %s)", err, file)
		}
		if !config.Refused(made.Findings) {
			fmt.Fprintln(c.OutOrStdout(), "applied")
			return os.RemoveAll(dir)
		}
		text, remarks = next, remarksOf(made.Findings)
	}
}

// remark begins the lines that tell why a manifest was refused.
const remark = "#! "

func remarksOf(findings []mesh.Finding) string {
	var b strings.Builder
	b.WriteString(remark + "This was not applied. These lines are left out when it is.\n")
	for _, f := range findings {
		for line := range strings.Lines(f.Severity + ": " + config.Line(f)) {
			b.WriteString(remark + strings.TrimRight(line, "\n") + "\n")
		}
	}
	return b.String()
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
