package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/sightline-mesh/sightline/controlplane/analyze"
	"github.com/sightline-mesh/sightline/controlplane/config"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// severities from the least to the gravest.
var severities = []string{config.SeverityInfo, config.SeverityWarning, config.SeverityError}

func (f findings) atLeast(severity string) bool {
	return slices.ContainsFunc(f.Findings, func(one mesh.Finding) bool {
		return slices.Index(severities, one.Severity) >= slices.Index(severities, severity)
	})
}

// printFindings writes what was found as the person asked for it.
func (g *globals) printFindings(w io.Writer, f findings) error {
	if g.output == "json" || g.output == "yaml" {
		return g.print(w, f, nil)
	}
	if g.output != "text" && g.output != "table" {
		return fmt.Errorf("output %q: want table, json or yaml", g.output)
	}
	_, err := io.WriteString(w, f.text(colours(w)))
	return err
}

// text is a line for each finding, as compilers write them, and a last one that counts.
func (f findings) text(paint func(severity, s string) string) string {
	var b strings.Builder
	for _, one := range sorted(f.Findings) {
		fmt.Fprintln(&b, line(one, paint))
	}
	if f.Partly {
		b.WriteString("Mend what could not be read; the rest is only looked at then.\n")
	}
	if len(f.Skipped) > 0 {
		fmt.Fprintln(&b, skippedLine(f.Skipped))
	}
	fmt.Fprintln(&b, f.sum())
	if f.Replay != nil {
		b.WriteString(replayText(f.Replay))
	}
	return b.String()
}

// line is "canary.yaml:12: error SL0102: VirtualService default/reviews: spec.…: …".
func line(f mesh.Finding, paint func(severity, s string) string) string {
	where := ""
	if f.Line > 0 {
		where = fmt.Sprintf("%s:%d: ", cmp.Or(f.File, "manifest"), f.Line)
	}
	return where + paint(f.Severity, f.Severity+" "+f.Code) + ": " + config.Line(f)
}

func sorted(all []mesh.Finding) []mesh.Finding {
	out := slices.Clone(all)
	slices.SortStableFunc(out, func(x, y mesh.Finding) int {
		return cmp.Or(cmp.Compare(x.File, y.File), cmp.Compare(x.Line, y.Line))
	})
	return out
}

func (f findings) sum() string {
	var parts []string
	for _, s := range slices.Backward(severities) {
		n := 0
		for _, one := range f.Findings {
			if one.Severity == s {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, count(n, map[string]string{config.SeverityInfo: "remark"}[s], s))
		}
	}
	if parts == nil {
		return "Nothing found."
	}
	return strings.Join(parts, ", ") + "."
}

// count is "1 error" or "2 errors", by the first word that is one.
func count(n int, words ...string) string {
	word := cmp.Or(words...)
	if n != 1 {
		word += "s"
	}
	return fmt.Sprint(n, " ", word)
}

func skippedLine(all []analyze.Skipped) string {
	return fmt.Sprintf("%s of kinds that are not for the mesh: %s", count(len(all), "document"), kindsOf(all))
}

func kindsOf(all []analyze.Skipped) string {
	var kinds []string
	for _, s := range all {
		kind, _, _ := strings.Cut(s.Resource, " ")
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	return strings.Join(slices.Compact(kinds), ", ")
}

// colours paints severities where a person looks at a terminal that can show them.
func colours(w io.Writer) func(severity, s string) string {
	if !terminal(w) || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return plain
	}
	return painted
}

func plain(_, s string) string { return s }

func painted(severity, s string) string {
	code := map[string]string{config.SeverityError: "31", config.SeverityWarning: "33"}[severity]
	return "\x1b[" + cmp.Or(code, "36") + "m" + s + "\x1b[0m"
}

// oneOf is a flag that takes one of a few words.
type oneOf struct {
	value *string
	words []string
}

func newOneOf(value *string, words ...string) *oneOf { return &oneOf{value, words} }

// String implements pflag.Value.
func (o *oneOf) String() string { return *o.value }

// Type implements pflag.Value.
func (*oneOf) Type() string { return "word" }

// Set implements pflag.Value.
func (o *oneOf) Set(s string) error {
	if !slices.Contains(o.words, s) {
		return fmt.Errorf("want %s", strings.Join(o.words, ", "))
	}
	*o.value = s
	return nil
}
