package config

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// document is a manifest that is being edited, with its comments.
type document struct {
	root *yaml.Node // of kind DocumentNode
	node            // the resource
}

// node is one YAML value within a document.
type node struct{ *yaml.Node }

// pair is a field to write: its value is a string, a number or more pairs.
type pair struct {
	key   string
	value any
}

// editDocument opens the manifest of o, or begins one for the service.
func editDocument(o *Object, kind string, s mesh.ServiceName) (*document, error) {
	if o == nil {
		head := []pair{{"apiVersion", "networking.istio.io/v1"}, {"kind", kind}, {"metadata", []pair{
			{"name", s.Name()}, {"namespace", s.Namespace()},
		}}, {"spec", []pair{}}}
		top := encode(head)
		return &document{root: &yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{top}}, node: node{top}}, nil
	}
	var root yaml.Node
	if err := yaml.Unmarshal(o.Source, &root); err != nil {
		return nil, fmt.Errorf("read %s: %w", o.Key(), err)
	}
	if len(root.Content) != 1 || root.Content[0].Kind != yaml.MappingNode {
		return nil, fmt.Errorf("read %s: it is not one resource", o.Key())
	}
	if aliased(&root) {
		return nil, fmt.Errorf("%s uses YAML aliases, which an edit would change in more than one place; edit the manifest", o.Key())
	}
	return &document{root: &root, node: node{root.Content[0]}}, nil
}

func aliased(n *yaml.Node) bool {
	return n.Kind == yaml.AliasNode || slices.ContainsFunc(n.Content, aliased)
}

// object is the edited manifest, parsed anew.
func (d *document) object() (*Object, error) {
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := errors.Join(e.Encode(d.root), e.Close()); err != nil {
		return nil, fmt.Errorf("write manifest: %w", err)
	}
	objects, err := Parse(out.Bytes())
	if err != nil {
		return nil, fmt.Errorf("the edited manifest is not right: %w", err)
	}
	return &objects[0], nil
}

// get is the value of a field, nil for none.
func (n node) get(key string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// set replaces or adds a field.
func (n node) set(key string, value any) {
	v := encode(value)
	if old := n.get(key); old != nil {
		v.HeadComment, v.LineComment, v.FootComment = old.HeadComment, old.LineComment, old.FootComment
		*old = *v
		return
	}
	n.Content = append(n.Content, encode(key), v)
}

func (n node) setDefault(key string, value any) {
	if n.get(key) == nil {
		n.set(key, value)
	}
}

// field is an object field, made if it is not there.
func (n node) field(key string) node { return n.child(key, yaml.MappingNode) }

// list is a list field, made if it is not there.
func (n node) list(key string) node { return n.child(key, yaml.SequenceNode) }

func (n node) child(key string, kind yaml.Kind) node {
	c := n.get(key)
	if c == nil {
		c = &yaml.Node{Kind: kind}
		n.Content = append(n.Content, encode(key), c)
	} else if c.Kind != kind { // null: Parse takes it for absence
		*c = yaml.Node{Kind: kind}
	}
	return node{c}
}

func (n node) item(i int) node { return node{n.Content[i]} }

func (n node) add(fields ...pair) { n.Content = append(n.Content, encode(fields)) }

func (n node) addText(s string) { n.Content = append(n.Content, encode(s)) }

func (n node) addEmpty() int {
	n.Content = append(n.Content, encode([]pair{}))
	return len(n.Content) - 1
}

// resplit makes a list of destinations say these shares. Destinations that stay
// keep their place and their comments.
func (n node) resplit(host string, split []share) {
	left := make(map[string]share, len(split))
	for _, s := range split {
		left[s.subset] = s
	}
	var kept []*yaml.Node
	for _, d := range n.Content {
		subset := node{d}.subset()
		if s, ok := left[subset]; ok {
			node{d}.set("weight", int(s.weight))
			kept = append(kept, d)
			delete(left, subset)
		}
	}
	n.Content = kept
	for _, s := range split {
		if _, isNew := left[s.subset]; isNew {
			n.add(pair{"destination", []pair{{"host", host}, {"subset", s.subset}}}, pair{"weight", int(s.weight)})
		}
	}
}

// subset is the subset that a destination in a route names.
func (n node) subset() string {
	if to := n.get("destination"); to != nil {
		if s := (node{to}).get("subset"); s != nil {
			return s.Value
		}
	}
	return ""
}

// encode is a value as YAML in block style. Strings that YAML would read as
// something else are quoted by the encoder.
func encode(value any) *yaml.Node {
	switch v := value.(type) {
	case []pair:
		n := &yaml.Node{Kind: yaml.MappingNode}
		for _, p := range v {
			n.Content = append(n.Content, encode(p.key), encode(p.value))
		}
		return n
	case int:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: strconv.Itoa(v)}
	case string:
		n := &yaml.Node{}
		n.SetString(v)
		return n
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
}
