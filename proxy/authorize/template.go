package authorize

import (
	"errors"
	"strconv"
	"strings"
)

// template is a path with operators: {*} stands for one segment that is not empty,
// {**} for any number of them, none included.
type template struct {
	parts []part // before {**}, or all
	open  bool   // there is a {**}
	tail  string // after it
}

// part is a literal, then a {*} if star is set.
type part struct {
	literal string
	star    bool
}

func parseTemplate(s string) (template, error) {
	if s[0] != '/' {
		return template{}, errors.New(`want it to begin with "/"`)
	}
	var t template
	literal := ""
	for segment := range strings.SplitSeq(s[1:], "/") {
		literal += "/"
		switch {
		case t.open && strings.ContainsAny(segment, "{}*"):
			return template{}, errors.New("{**} must be its last operator")
		case segment == "{*}":
			t.parts = append(t.parts, part{literal, true})
			literal = ""
		case segment == "{**}":
			t.parts = append(t.parts, part{literal: literal})
			literal, t.open = "", true
		case strings.ContainsAny(segment, "{}*"):
			return template{}, errors.New("want {*} and {**} as whole segments, and no other *, { or }: segment " + strconv.Quote(segment))
		default:
			literal += segment
		}
	}
	if t.open {
		t.tail = literal
	} else {
		t.parts = append(t.parts, part{literal: literal})
	}
	return t, nil
}

func (t *template) fits(path string) bool {
	for _, p := range t.parts {
		var ok bool
		if path, ok = strings.CutPrefix(path, p.literal); !ok {
			return false
		}
		if !p.star {
			continue
		}
		n := strings.IndexByte(path, '/')
		if n < 0 {
			n = len(path)
		}
		if n == 0 {
			return false
		}
		path = path[n:]
	}
	if !t.open {
		return path == ""
	}
	return strings.HasSuffix(path, t.tail)
}
