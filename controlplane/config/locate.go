package config

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// Locate gives each finding the line at which the manifest says what it is about, where
// its resource is among the objects and has a Line. The findings are changed in place.
func Locate(findings []mesh.Finding, objects []Object) []mesh.Finding {
	if len(findings) == 0 {
		return findings
	}
	byKey := make(map[string]Object, len(objects))
	for _, o := range objects {
		byKey[o.Key()] = o
	}
	roots := map[string]*yaml.Node{}
	for i, f := range findings {
		o, ok := byKey[f.Resource]
		if !ok || o.Line == 0 || f.Line > 0 {
			continue
		}
		root, seen := roots[f.Resource]
		if !seen {
			root = o.tree()
			roots[f.Resource] = root
		}
		findings[i].Line = o.Line + lineOf(root, f.Path) - 1
	}
	return findings
}

// place is Locate for findings about this object alone.
func (o Object) place(findings []mesh.Finding) []mesh.Finding {
	if len(findings) == 0 {
		return nil
	}
	root := o.tree()
	for i, f := range findings {
		findings[i].Line = o.Line + lineOf(root, f.Path) - 1
	}
	return findings
}

// Written reports whether the manifest has the field at all, be its value null or 0.
func (o Object) Written(path string) bool {
	_, _, whole := find(o.tree(), path)
	return whole
}

// says is the scalar that the manifest has at a path, "" where it has none or null.
func (o Object) says(path string) string {
	_, value, whole := find(o.tree(), path)
	if !whole || value == nil || value.Kind != yaml.ScalarNode || value.Tag == "!!null" {
		return ""
	}
	return value.Value
}

// tree is the object's document, nil if it cannot be read.
func (o Object) tree() *yaml.Node {
	var root yaml.Node
	if err := yaml.Unmarshal(o.Source, &root); err != nil || len(root.Content) == 0 {
		return nil
	}
	return root.Content[0]
}

// lineOf is the line, from 1, of what a path leads to, or of the last that is there on
// the way.
func lineOf(root *yaml.Node, path string) int {
	n, _, _ := find(root, path)
	if n == nil {
		return 1
	}
	return n.Line
}

// find follows a path such as spec.http[0].match[1].headers["x-user"].exact: to the key
// of a field, or the item of a list, and to what it is. Whole is false where it stops
// before the end.
func find(root *yaml.Node, path string) (at, value *yaml.Node, whole bool) {
	at, value = root, root
	for path != "" {
		var step string
		step, path = cutStep(path)
		if value != nil && value.Kind == yaml.AliasNode {
			value = value.Alias
		}
		next, inner := child(value, step)
		if next == nil {
			return at, value, false
		}
		at, value = next, inner
	}
	return at, value, root != nil
}

// cutStep takes the first step off a path: a field's name, `[1]` or `["key"]`.
func cutStep(path string) (step, rest string) {
	path = strings.TrimPrefix(path, ".")
	if strings.HasPrefix(path, `["`) {
		if end := strings.Index(path, `"]`); end > 0 {
			return path[:end+2], path[end+2:]
		}
	}
	if strings.HasPrefix(path, "[") {
		if end := strings.IndexByte(path, ']'); end > 0 {
			return path[:end+1], path[end+1:]
		}
	}
	if end := strings.IndexAny(path[min(1, len(path)):], ".["); end >= 0 {
		return path[:end+1], path[end+1:]
	}
	return path, ""
}

// child is where a step leads from a value: the node that stands for it, and its value.
func child(n *yaml.Node, step string) (at, value *yaml.Node) {
	switch {
	case n == nil:
		return nil, nil
	case n.Kind == yaml.SequenceNode:
		i, err := strconv.Atoi(strings.Trim(step, "[]"))
		if err != nil || i < 0 || i >= len(n.Content) {
			return nil, nil
		}
		return n.Content[i], n.Content[i]
	case n.Kind != yaml.MappingNode:
		return nil, nil
	}
	name := step
	if quoted, ok := strings.CutPrefix(step, "["); ok {
		name, _ = strconv.Unquote(strings.TrimSuffix(quoted, "]"))
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i], n.Content[i+1]
		}
	}
	return nil, nil
}
