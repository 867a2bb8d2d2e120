package config

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// checker holds a document against the shape of its kind.
type checker struct {
	resource string
	supports func(rule string) bool
	refuses  func(rule string) string // nil where all is supported
	accepts  func(rule string, value any) string
	findings []mesh.Finding
}

// place is where a value stands: its path as a person reads it, and the same
// without indices and keys, which is what rules are written for. An item is an
// element of a list, for which the rules of the list do not hold.
type place struct {
	path, rule string
	item       bool
}

func (p place) field(name string) place {
	return place{path: p.path + "." + name, rule: strings.TrimPrefix(p.rule+"."+name, ".")}
}

func (p place) index(i int) place {
	return place{path: fmt.Sprintf("%s[%d]", p.path, i), rule: p.rule, item: true}
}

func (p place) key(k string) place {
	return place{path: fmt.Sprintf("%s[%q]", p.path, k), rule: p.rule}
}

func (c *checker) report(path, format string, args ...any) {
	c.find(CodeValue, path, format, args...)
}

// find notes a finding that has a code of its own.
func (c *checker) find(code Code, path, format string, args ...any) {
	c.findings = append(c.findings, code.On(c.resource, path, format, args...))
}

// walk checks v and everything in it. Nulls inside objects mean absence, as
// everywhere in Kubernetes' language, and are taken out.
func (c *checker) walk(v any, s shape, at place) {
	switch {
	case s.field != nil:
		c.walkObject(v, s, at)
	case s.dict:
		c.walkDict(v, s, at)
	case s.elem != nil:
		items, ok := v.([]any)
		if !ok {
			c.report(at.path, "%s is not a list", show(v))
			return
		}
		for i, item := range items {
			c.walk(item, s.elem(), at.index(i))
		}
	case !s.fits(v):
		c.report(at.path, "%s is not right; want %s", show(v), s.want)
		return
	}
	if at.item {
		return
	}
	if complaint := c.accepts(at.rule, v); complaint != "" {
		c.find(complaintCode(at.rule, complaint), at.path, "%s", complaint)
	}
}

// complaintCode is the code for what a kind says of a value.
func complaintCode(rule, complaint string) Code {
	switch {
	case rule == "gateways" || strings.HasSuffix(rule, ".gateways"):
		return CodeGateway
	case strings.Contains(complaint, "not supported"):
		return CodeUnsupported
	}
	return CodeValue
}

func (c *checker) walkObject(v any, s shape, at place) {
	fields, ok := v.(map[string]any)
	if !ok {
		c.report(at.path, "%s is not an object; known fields are %s", show(v), enumerate(s.names()))
		return
	}
	chosen := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		value, here := fields[name], at.field(name)
		inner, known := s.field(name)
		switch {
		case !known:
			c.find(CodeField, here.path, "unknown field (value %s); %s", show(value), suggest(name, s.names()))
		case value == nil:
			delete(fields, name)
		case !c.supports(here.rule):
			c.find(CodeUnsupported, here.path, "%s", c.refusal(here.rule, value))
		default:
			if group := s.oneof(name); group != "" && chosen[group] != "" {
				c.report(here.path, "%q cannot stand beside %q; keep one", name, chosen[group])
			} else {
				chosen[group] = name
			}
			if inner.ports {
				value = keyed(value)
				fields[name] = value
			}
			c.walk(value, inner, here)
		}
	}
}

// refusal says that the mesh does not act on a field, and why.
func (c *checker) refusal(rule string, value any) string {
	why := "the mesh does not act on it; remove it"
	if c.refuses != nil {
		why = cmp.Or(c.refuses(rule), why)
	}
	return fmt.Sprintf("is not supported (value %s): %s", show(value), why)
}

// keyed is a dictionary with numbers as keys with the same as texts, as JSON has it.
func keyed(v any) any {
	numbers, ok := v.(map[any]any)
	if !ok {
		return v
	}
	out := make(map[string]any, len(numbers))
	for k, value := range numbers {
		out[fmt.Sprint(k)] = value
	}
	return out
}

func (c *checker) walkDict(v any, s shape, at place) {
	entries, ok := v.(map[string]any)
	if !ok {
		c.report(at.path, "%s is not a dictionary with strings as keys", show(v))
		return
	}
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		if n, err := strconv.ParseUint(key, 10, 16); s.ports && (err != nil || n == 0) {
			c.report(at.key(key).path, "%q is not a port; want 1 to 65535", key)
			continue
		}
		c.walk(entries[key], s.elem(), at.key(key))
	}
}

// envelope checks all of a document but its spec.
func (c *checker) envelope(tree map[string]any, o Object) {
	// What a Kubernetes API server adds to a resource it returns says nothing about
	// the mesh; it is accepted so that "kubectl get -o yaml" can be applied.
	served := text()
	meta := object(map[string]shape{
		"name": text(), "namespace": text(), "labels": dict(text()), "annotations": dict(text()), "displayName": text(),
		"creationTimestamp": {want: "a time", fits: func(any) bool { return true }},
		"generation":        number(), "resourceVersion": served, "uid": served,
	})
	head := checker{
		resource: c.resource,
		supports: func(string) bool { return true },
		accepts:  func(string, any) string { return "" },
	}
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		switch name {
		case "apiVersion", "kind", "spec":
		case "metadata":
			head.walk(tree[name], meta, place{path: name})
		default:
			if name == "status" && (o.Kind == KindHTTPRoute || o.Kind == KindGRPCRoute || o.Kind == KindService) {
				continue // which the mesh itself, or a Kubernetes API server, shows with them
			}
			head.find(CodeField, name, "unknown field (value %s); a resource has apiVersion, kind, metadata and spec", show(tree[name]))
		}
	}
	c.findings = append(c.findings, head.findings...)
	for label := range strings.SplitSeq(o.Name, ".") {
		if !mesh.IsLabel(label) {
			c.report("metadata.name", "%q is not a name; want lower-case letters, digits and hyphens", o.Name)
			break
		}
	}
	if !mesh.IsLabel(o.Namespace) {
		c.report("metadata.namespace", "%q is not a namespace; want lower-case letters, digits and hyphens", o.Namespace)
	}
}

// show is a value as a message quotes it: JSON, cut short.
func show(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		b = fmt.Appendf(nil, "%v", v)
	}
	const most = 80
	if r := []rune(string(b)); len(r) > most {
		return string(r[:most]) + "…"
	}
	return string(b)
}

// suggest says which field was likely meant.
func suggest(name string, known []string) string {
	for _, k := range known {
		if strings.EqualFold(k, strings.ReplaceAll(name, "_", "")) || distance(name, k) <= 2 {
			return fmt.Sprintf("did you mean %q?", k)
		}
	}
	return "known fields are " + enumerate(known)
}

// enumerate is a list in words, cut after a dozen.
func enumerate(words []string) string {
	const most = 12
	if len(words) > most {
		return strings.Join(words[:most], ", ") + ", …"
	}
	return strings.Join(words, ", ")
}

// distance is the number of letters to insert, delete or replace to turn a into b.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return max(len(a), len(b))
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := corner
			if a[i] != b[j] {
				cost = 1 + min(corner, row[j], row[j+1])
			}
			corner, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
