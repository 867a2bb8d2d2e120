package authorize

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// texts is a compiled list of values: a set of whole ones, and the few with
// wildcards.
type texts struct {
	present   bool // "*"
	exact     map[string]struct{}
	prefixes  []string
	suffixes  []string
	templates []template
}

// fits reports whether one of the values does; nil asks for nothing.
func (t *texts) fits(v string) bool {
	if t == nil {
		return true
	}
	if _, ok := t.exact[v]; ok {
		return true
	}
	if t.present && v != "" {
		return true
	}
	for _, p := range t.prefixes {
		if strings.HasPrefix(v, p) {
			return true
		}
	}
	for _, s := range t.suffixes {
		if strings.HasSuffix(v, s) {
			return true
		}
	}
	for i := range t.templates {
		if t.templates[i].fits(v) {
			return true
		}
	}
	return false
}

// wildcards says which forms of value a list may hold beside exact ones.
type wildcards uint8

const (
	affixes   wildcards = 1 << iota // "prefix*", "*suffix", "*"
	operators                       // "{*}", "{**}"
)

var errEmptyValue = errors.New("a value is empty")

// compileTexts is nil for no values.
func compileTexts(values []string, forms wildcards) (*texts, error) {
	if len(values) == 0 {
		return nil, nil //nolint:nilnil // no condition compiles to no condition
	}
	t := &texts{exact: make(map[string]struct{}, len(values))}
	for _, v := range values {
		if err := t.add(v, forms); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (t *texts) add(v string, forms wildcards) error {
	switch {
	case v == "":
		return errEmptyValue
	case forms&operators != 0 && strings.ContainsAny(v, "{}"):
		p, err := parseTemplate(v)
		if err != nil {
			return fmt.Errorf("path template %q: %w", v, err)
		}
		t.templates = append(t.templates, p)
	case forms&affixes == 0:
		t.exact[v] = struct{}{}
	case v == "*":
		t.present = true
	case v[0] == '*':
		t.suffixes = append(t.suffixes, v[1:])
	case v[len(v)-1] == '*':
		t.prefixes = append(t.prefixes, v[:len(v)-1])
	default:
		t.exact[v] = struct{}{}
	}
	return nil
}

// pair is a list and its Not list.
type pair struct{ want, not *texts }

func (p *pair) fits(v string) bool {
	return p.want.fits(v) && (p.not == nil || !p.not.fits(v))
}

// asked reports whether the pair asks for anything.
func (p *pair) asked() bool { return p.want != nil || p.not != nil }

// fitsAny is fits for an attribute with several values: one must be wanted, and
// none unwanted.
func (p *pair) fitsAny(values []string) bool {
	return (p.want == nil || p.want.fitsOne(values)) && (p.not == nil || !p.not.fitsOne(values))
}

func (t *texts) fitsOne(values []string) bool {
	return slices.ContainsFunc(values, t.fits)
}
