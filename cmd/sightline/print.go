package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

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
		t := &table{w: tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)}
		text(t)
		return t.w.Flush()
	}
	return fmt.Errorf("output %q: want text, json or yaml", g.output)
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

// table writes aligned columns.
type table struct{ w *tabwriter.Writer }

func (t *table) row(cells ...any) {
	text := make([]string, len(cells))
	for i, c := range cells {
		text[i] = cell(c)
	}
	_, _ = fmt.Fprintln(t.w, strings.Join(text, "\t")) // the buffer's error comes with Flush
}

func cell(v any) string {
	switch v := v.(type) {
	case time.Time:
		if v.IsZero() {
			return "-"
		}
		return v.Local().Format("2006-01-02 15:04:05")
	case string:
		if v == "" {
			return "-"
		}
		return v
	}
	return fmt.Sprint(v)
}
