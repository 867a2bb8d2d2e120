package deploy

import (
	"errors"
	"fmt"
	"strings"
)

// unit is a systemd unit: the directives of each section, in their order.
type unit map[string][]directive

type directive struct {
	name, value string
	line        int
}

// parseUnit reads a unit. It is stricter than systemd: no line goes on in the next
// one, and no value is empty.
func parseUnit(text string) (unit, error) {
	u := unit{}
	section := ""
	for n, line := range lines(text) {
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		if inner, ok := strings.CutPrefix(line, "["); ok {
			if section, ok = strings.CutSuffix(inner, "]"); !ok {
				return nil, fmt.Errorf("line %d: %q is not a section", n, line)
			}
			continue
		}
		if section == "" {
			return nil, fmt.Errorf("line %d: %q stands before any section", n, line)
		}
		d, err := parseDirective(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		d.line = n
		u[section] = append(u[section], d)
	}
	if len(u) == 0 {
		return nil, errors.New("no section")
	}
	return u, nil
}

func parseDirective(line string) (directive, error) {
	name, value, ok := strings.Cut(line, "=")
	if !ok || name == "" || value == "" || strings.ContainsAny(name, " \t") {
		return directive{}, fmt.Errorf("%q is not Name=value", line)
	}
	if strings.HasSuffix(value, `\`) {
		return directive{}, fmt.Errorf("%s= goes on in the next line", name)
	}
	return directive{name: name, value: value}, nil
}

// get is the value of a directive that may stand once.
func (u unit) get(section, name string) (directive, error) {
	var found []directive
	for _, d := range u[section] {
		if d.name == name {
			found = append(found, d)
		}
	}
	if len(found) != 1 {
		return directive{}, fmt.Errorf("%d times %s= in [%s], want one", len(found), name, section)
	}
	return found[0], nil
}

// lines are a text's lines without surrounding space, by number from 1.
func lines(text string) func(yield func(int, string) bool) {
	return func(yield func(int, string) bool) {
		n := 0
		for line := range strings.Lines(text) {
			if n++; !yield(n, strings.TrimSpace(line)) {
				return
			}
		}
	}
}
