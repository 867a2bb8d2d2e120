package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"
)

// print writes v as the person asked for it: JSON or YAML whole, or as the table
// that text makes of it.
func (g *globals) print(w io.Writer, v any, text func(*table)) error {
	switch g.output {
	case "json":
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(v)
	case "yaml":
		b, err := yaml.Marshal(v)
		if err != nil {
			return fmt.Errorf("encode as YAML: %w", err)
		}
		_, err = w.Write(b)
		return err
	case "text":
		t := newTable(w, terminalWidth(w))
		text(t)
		return t.flush()
	}
	return fmt.Errorf("output %q: want text, json or yaml", g.output)
}

// sayNone tells a person that there is nothing below a table's head.
func (g *globals) sayNone(c *cobra.Command, found int, what string) {
	if found == 0 && g.output == "text" {
		_, _ = fmt.Fprintln(c.ErrOrStderr(), what)
	}
}

// wide is the format that tap alone has.
const wide = "wide"

// format is how a command is to write what it has. A wrong one is refused before the
// command does anything.
type format string

// String implements pflag.Value.
func (f *format) String() string { return string(*f) }

// Type implements pflag.Value.
func (*format) Type() string { return "format" }

// Set implements pflag.Value. A table is text by the name that others have for it.
func (f *format) Set(s string) error {
	switch s {
	case "text", "json", "yaml", wide:
		*f = format(s)
	case "table":
		*f = "text"
	default:
		return errors.New("want text, json or yaml")
	}
	return nil
}
