package main

import (
	"encoding/json"
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
