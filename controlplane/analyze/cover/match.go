package cover

import (
	"maps"
	"slices"
	"strings"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// What is tried for a part that a match says nothing of.
var (
	paths       = []string{"/", "/x", "/x/y-z_0", "/X.y~", "/x%20y;z"}
	methods     = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "PROPFIND"}
	schemes     = []string{"http", "https"}
	authorities = []string{"x", "x:80", "x.y", "x.y:8080", "[::1]:80"}
	values      = []string{"", "x", "X y", "0", "x=y; z", "ä"}
)

// Match is whether a takes every request that b is about.
func Match(a, b mesh.Match) Answer {
	if !callers(a.SourceNamespace, b.SourceNamespace, a.SourceLabels, b.SourceLabels) || a.Port != 0 && a.Port != b.Port {
		return No
	}
	out := least(
		path(a).covers(path(b), paths),
		textOf(a.Method).covers(textOf(b.Method), methods),
		textOf(a.Scheme).covers(textOf(b.Scheme), schemes),
		textOf(a.Authority).covers(textOf(b.Authority), authorities),
		named(a.Headers, b.Headers),
		named(a.Query, b.Query),
	)
	for _, name := range slices.Sorted(maps.Keys(a.Without)) {
		out = least(out, without(name, a.Without[name], b))
	}
	return out
}

// Texts is whether a fits every value that b fits, of a path.
func Texts(a, b *mesh.StringMatch) Answer { return textOf(a).covers(textOf(b), paths) }

func least(all ...Answer) Answer { return slices.Min(all) }

// path is what a match compares of the path. Every path begins with a slash, but that of
// OPTIONS * and CONNECT, which no one routes by.
func path(m mesh.Match) text {
	out := textOf(m.Path)
	if m.IgnoreCase {
		out = out.folded()
	}
	if out.kind == prefix && out.value == "/" {
		return text{}
	}
	return out
}

// callers reports whether a is about every caller that b is about.
func callers(a, b string, labelsA, labelsB map[string]string) bool {
	for k, v := range labelsA {
		if got, ok := labelsB[k]; !ok || got != v {
			return false
		}
	}
	return a == "" || a == b
}

// named is about fields that have to be there.
func named(a, b map[string]*mesh.StringMatch) Answer {
	out := Yes
	for name, want := range a {
		have, asked := b[name]
		if !asked {
			return No
		}
		out = least(out, textOf(want).covers(textOf(have), values))
	}
	return out
}

// without is about a field that must not fit. A field that is not there is empty to a
// comparison, and fits no question for presence.
func without(name string, banned *mesh.StringMatch, b mesh.Match) Answer {
	if have, asked := b.Headers[name]; asked {
		x := textOf(have)
		return is(banned != nil && x.kind == exact && !textOf(banned).fits(x.value))
	}
	own, also := b.Without[name]
	switch {
	case !also:
		return No
	case own == nil: // it is never there in b
		return is(banned == nil || !textOf(banned).fits(""))
	case banned == nil:
		return No
	}
	return textOf(own).covers(textOf(banned), values)
}

// Stream is whether a takes every connection that b is about.
func Stream(a, b mesh.StreamMatch) Answer {
	if !callers(a.SourceNamespace, b.SourceNamespace, a.SourceLabels, b.SourceLabels) || a.Port != 0 && a.Port != b.Port {
		return No
	}
	if !a.TLS {
		return Yes
	}
	if !b.TLS {
		return No
	}
	for _, name := range b.SNI {
		if !slices.ContainsFunc(a.SNI, func(s string) bool { return serverName(s, name) }) {
			return No
		}
	}
	return Yes
}

// serverName reports whether a pattern takes every name that another one does.
func serverName(a, b string) bool {
	below, wild := strings.CutPrefix(strings.ToLower(a), "*")
	b = strings.ToLower(b)
	if !wild {
		return a == b
	}
	return strings.HasSuffix(strings.TrimPrefix(b, "*"), below) && (strings.HasPrefix(b, "*") || len(b) > len(below))
}
