package route

import (
	"regexp"
	"strings"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// replacing is what of a path a text takes the place of.
type replacing uint8

const (
	replaceCompared replacing = iota // what the match compared
	replaceElements                  // the elements that it compared
	replaceWhole
)

// rewrite changes the path of a request.
type rewrite struct {
	to      string // in place of what the match compared; empty is none
	how     replacing
	pattern *regexp.Regexp
	by      string // in the regexp package's own notation
}

func (w *rewrite) path(q *Request) string {
	path, query := q.Path, ""
	if i := strings.IndexByte(path, '?'); i >= 0 {
		path, query = path[:i], path[i:]
	}
	if w.pattern != nil {
		path = w.pattern.ReplaceAllString(path, w.by)
		if path == "" || path[0] != '/' { // a request line without a path is none
			path = "/" + path
		}
		return path + query
	}
	switch w.how {
	case replaceWhole:
		return w.to + query
	case replaceElements:
		return below(w.to, path[q.elements(len(path)):]) + query
	}
	return w.to + path[q.compared(len(path)):] + query
}

// below is what is left of a path, under another beginning.
func below(beginning, rest string) string {
	if rest != "" && rest[0] != '/' { // "*" of OPTIONS has no elements
		return rest
	}
	if path := strings.TrimSuffix(beginning, "/") + rest; path != "" {
		return path
	}
	return "/"
}

// elements is how much of the path the elements take that the match compared.
func (q *Request) elements(all int) int {
	if m := q.fit; m == nil || m.path == nil {
		return 0
	}
	return q.compared(all)
}

// compared is how much of the path the match that fits compared: its prefix, or else
// all of it. No path in the match is the prefix "/".
func (q *Request) compared(all int) int {
	switch m := q.fit; {
	case m == nil || m.path == nil:
		return min(1, all)
	case m.path.pattern == nil && m.path.prefix != "":
		return len(m.path.prefix)
	}
	return all
}

func (c *compiler) rewrite(path string, r *mesh.Rewrite) *rewrite {
	if r == nil || r.Path == "" && r.Regex == "" {
		return nil
	}
	if r.Regex == "" {
		if r.Path[0] != '/' {
			c.fault("%s.path: %q does not begin with a slash", path, r.Path)
		}
		out := &rewrite{to: r.Path}
		switch {
		case r.Whole:
			out.how = replaceWhole
		case r.Elements:
			out.how = replaceElements
		}
		return out
	}
	pattern, err := regexp.Compile(r.Regex)
	if err != nil {
		c.fault("%s.regex: %q: %w", path, r.Regex, err)
		return nil
	}
	if last := mesh.LastGroup(r.Substitution); last > pattern.NumSubexp() {
		c.fault(`%s.substitution: there is no group \%d`, path, last)
	}
	return &rewrite{pattern: pattern, by: template(r.Substitution)}
}

// template turns RE2's notation of a substitution, \1, into that of package regexp.
func template(substitution string) string {
	var b strings.Builder
	for i := 0; i < len(substitution); i++ {
		c := substitution[i]
		switch {
		case c == '$':
			b.WriteString("$$")
		case c != '\\' || i+1 == len(substitution):
			b.WriteByte(c)
		case substitution[i+1] >= '0' && substitution[i+1] <= '9':
			i++
			b.WriteString("${" + substitution[i:i+1] + "}")
		default: // \\ is a backslash
			i++
			b.WriteByte(substitution[i])
		}
	}
	return b.String()
}
