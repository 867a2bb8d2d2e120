package config

import (
	"bytes"
	"fmt"
	"strings"
)

const referenceHead = `# What is read of each kind

Made by ` + "`go generate ./controlplane/config`" + ` from the types themselves; do not edit.

A manifest is read whole or refused with the path of what is wrong; nothing in it is
ignored. Each table lists every field that the kind's own type has. **read**: the mesh
acts on it; values that it cannot act on are refused with what would be right.
**refused**: the kind has it, the mesh does not act on it, and a manifest that sets it
is refused with its path and the reason that is given. Fields that are not listed are unknown, and refused as well.
` + "`[]`" + ` is each element of a list, ` + "`{}`" + ` each value of a dictionary.
`

// deepest is how far below spec the reference goes; no type of the kinds is that deep,
// unless it contains itself.
const deepest = 14

// Reference is FIELDS.md: every field of every kind, and whether it is read.
func Reference() []byte {
	var out bytes.Buffer
	out.WriteString(referenceHead)
	for _, l := range languages() {
		for _, k := range l.kinds {
			r := referrer{out: &out, supports: k.kind().supports, refuses: k.kind().refuses}
			fmt.Fprintf(&out, "\n## %s\n\n`apiVersion: %s`", k.name, l.newest())
			for _, v := range l.versions[1:] {
				fmt.Fprintf(&out, " or `%s`", apiVersion(l.group, v))
			}
			out.WriteString("\n\n| field of spec | value | |\n|---|---|---|\n")
			r.fields(k.kind().shape(), place{}, true)
		}
	}
	return out.Bytes()
}

type referrer struct {
	out      *bytes.Buffer
	supports func(rule string) bool
	refuses  func(rule string) string
}

// fields lists what is below at, which is read or not.
func (r *referrer) fields(s shape, at place, read bool) {
	if strings.Count(at.rule, ".") > deepest {
		return
	}
	switch {
	case s.field != nil:
		for _, name := range s.names() {
			inner, _ := s.field(name)
			here := at.field(name)
			here.path = strings.TrimPrefix(here.path, ".")
			r.field(inner, here, read, read && r.supports(here.rule))
		}
	case s.elem != nil && s.dict:
		r.fields(s.elem(), place{path: at.path + "{}", rule: at.rule}, read)
	case s.elem != nil:
		r.fields(s.elem(), place{path: at.path + "[]", rule: at.rule}, read)
	}
}

// field lists one field, which is read or not, as is what is above it.
func (r *referrer) field(s shape, at place, above, read bool) {
	verdict := "**refused**"
	switch why := r.refuses; {
	case read:
		verdict = "read"
	case above && why != nil: // what is below a refused field is refused for the same
		verdict += ": " + why(at.rule)
	}
	fmt.Fprintf(r.out, "| `%s` | %s | %s |\n", at.path, describe(s), verdict)
	r.fields(s, at, read)
}

// describe is a shape in words.
func describe(s shape) string {
	switch {
	case s.field != nil:
		return "object"
	case s.elem != nil && s.dict:
		return "dictionary of " + plural(describe(s.elem()))
	case s.elem != nil:
		return "list of " + plural(describe(s.elem()))
	}
	return s.want
}

func plural(what string) string {
	switch {
	case what == "object":
		return "objects"
	case strings.HasPrefix(what, "a string"):
		return "strings"
	case strings.HasPrefix(what, "a "):
		return strings.TrimPrefix(what, "a ") + "s"
	}
	return what
}
