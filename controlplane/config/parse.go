package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// MaxManifest is the largest manifest Parse reads, in bytes.
const MaxManifest = 1 << 20

const (
	maxDepth   = 64  // of nesting; Istio's own kinds need about a dozen
	maxAliases = 100 // so that a small manifest cannot unfold into a huge one
)

// Parse reads every document of a YAML manifest. Empty documents are skipped. An
// error is an *Error that lists all that is wrong; no object is returned then.
func Parse(manifest []byte) ([]Object, error) {
	objects, bad := Read(manifest)
	if len(bad) > 0 {
		return nil, &Error{Findings: bad}
	}
	return objects, nil
}

// Read is Parse for who wants the objects that are right even where others are not.
func Read(manifest []byte) ([]Object, []mesh.Finding) {
	if len(manifest) > MaxManifest {
		return nil, refuse(fmt.Sprintf("the manifest has %d bytes; at most %d are read", len(manifest), MaxManifest))
	}
	var (
		all, right []Object
		bad        []mesh.Finding
	)
	for i, s := range Sections(manifest) {
		where := fmt.Sprintf("document %d", i+1)
		tree, err := decode(s)
		if err != nil {
			f := CodeUnreadable.On(where, "", "%v", err)
			f.Line = s.Line
			if at, ok := errors.AsType[*syntaxError](err); ok {
				f.Line = at.line
			}
			bad = append(bad, f)
			continue
		}
		if tree == nil {
			continue
		}
		o, findings := read(tree, where)
		o.Source, o.Line = s.Text, s.Line
		bad = append(bad, o.place(findings)...)
		all = append(all, o)
		if len(findings) == 0 {
			right = append(right, o)
		}
	}
	bad = append(bad, twice(all)...)
	if len(bad)+len(all) == 0 {
		bad = refuse("the manifest holds no resource")
	}
	return right, bad
}

func refuse(message string) []mesh.Finding {
	return []mesh.Finding{CodeUnreadable.On("", "", "%s", message)}
}

// Section is one document of a manifest, its bytes as they are.
type Section struct {
	Text []byte
	Line int // of the manifest, from 1
}

// Sections cuts a manifest at its "---" and "..." lines.
func Sections(manifest []byte) []Section {
	var out []Section
	start, first, line := 0, 1, 0
	for at := 0; at < len(manifest); {
		line++
		text, next := manifest[at:], len(manifest)
		if n := bytes.IndexByte(text, '\n'); n >= 0 {
			text, next = text[:n], at+n+1
		}
		marker := bytes.TrimRight(text, " \t\r")
		if string(marker) == "---" || string(marker) == "..." || bytes.HasPrefix(text, []byte("--- #")) {
			out = append(out, Section{manifest[start:at], first})
			start, first = next, line+1
		}
		at = next
	}
	out = append(out, Section{manifest[start:], first})
	return slices.DeleteFunc(out, func(s Section) bool { return len(bytes.TrimSpace(s.Text)) == 0 })
}

// decode reads one document. It is nil for one that holds only comments.
func decode(s Section) (map[string]any, error) {
	var root yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(s.Text))
	if err := d.Decode(&root); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, s.plain(err)
	}
	aliases := 0
	if err := bounded(&root, 0, &aliases); err != nil {
		return nil, s.plain(err)
	}
	if err := d.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return nil, errors.New("two documents are not separated by a line with only ---")
	}
	var tree any
	if err := root.Decode(&tree); err != nil {
		return nil, s.plain(err)
	}
	if tree == nil {
		return nil, nil
	}
	m, ok := tree.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s is not a resource; want apiVersion, kind, metadata and spec", show(tree))
	}
	return m, nil
}

// syntaxError is what the YAML reader says of a line of the manifest.
type syntaxError struct {
	line int
	text string
}

func (e *syntaxError) Error() string { return e.text }

var lineNumber = regexp.MustCompile(`\bline (\d+)`)

// plain is an error of the YAML reader on one line, with the lines of the manifest.
func (s Section) plain(err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	text = strings.TrimPrefix(text, "unmarshal errors:\n  ")
	out := &syntaxError{line: s.Line}
	out.text = lineNumber.ReplaceAllStringFunc(strings.ReplaceAll(text, "\n  ", "; "), func(m string) string {
		n, _ := strconv.Atoi(m[len("line "):])
		if out.line == s.Line {
			out.line = s.Line + n - 1
		}
		return "line " + strconv.Itoa(s.Line+n-1)
	})
	return out
}

func bounded(n *yaml.Node, depth int, aliases *int) error {
	if depth > maxDepth {
		return fmt.Errorf("line %d: nested more than %d deep", n.Line, maxDepth)
	}
	if n.Kind == yaml.AliasNode {
		if *aliases++; *aliases > maxAliases {
			return fmt.Errorf("line %d: more than %d aliases", n.Line, maxAliases)
		}
	}
	for _, c := range n.Content {
		if err := bounded(c, depth+1, aliases); err != nil {
			return err
		}
	}
	return nil
}

// read turns a document's tree into an object. Where stands for the resource until
// its name is known.
func read(tree map[string]any, where string) (Object, []mesh.Finding) {
	version, _ := tree["apiVersion"].(string)
	kind, _ := tree["kind"].(string)
	k, err := lookup(version, kind)
	if err != nil {
		return Object{}, []mesh.Finding{CodeKind.On(where, "", "%v", err)}
	}
	o := Object{Kind: kind, Namespace: mesh.DefaultNamespace}
	if meta, ok := tree["metadata"].(map[string]any); ok {
		o.Name, _ = meta["name"].(string)
		if ns, ok := meta["namespace"].(string); ok && ns != "" {
			o.Namespace = ns
		}
		o.labels, o.annotations = textsOf(meta["labels"]), textsOf(meta["annotations"])
		if meta["uid"] == nil { // else the version is a Kubernetes API server's
			o.ResourceVersion, _ = meta["resourceVersion"].(string)
		}
	}
	c := checker{resource: where, supports: k.supports, refuses: k.refuses, accepts: k.accepts}
	if o.Name != "" {
		c.resource = o.Key()
	}
	c.envelope(tree, o)
	spec, ok := tree["spec"].(map[string]any)
	if !ok {
		c.report("spec", "%s is not a specification; want fields", show(tree["spec"]))
		return o, c.findings
	}
	c.walk(spec, k.shape(), place{path: "spec"})
	if len(c.findings) > 0 {
		return o, c.findings
	}
	err = k.fill(&o, spec)
	if several, ok := errors.AsType[*Error](err); ok {
		return o, several.Findings
	}
	if err != nil {
		c.report("spec", "%v", err)
	}
	return o, c.findings
}

func virtualServiceKind() kind {
	return kind{
		shape:    func() shape { return messageShape((&networking.VirtualService{}).ProtoReflect().Descriptor()) },
		supports: virtualServiceSupports,
		refuses:  virtualServiceRefuses.of,
		accepts:  virtualServiceAccepts,
		fill: func(o *Object, spec map[string]any) error {
			o.VirtualService = &networking.VirtualService{}
			return unmarshal(spec, o.VirtualService)
		},
	}
}

func destinationRuleKind() kind {
	return kind{
		shape:    func() shape { return messageShape((&networking.DestinationRule{}).ProtoReflect().Descriptor()) },
		supports: destinationRuleSupports,
		refuses:  destinationRuleRefuses,
		accepts:  destinationRuleAccepts,
		fill: func(o *Object, spec map[string]any) error {
			o.DestinationRule = &networking.DestinationRule{}
			return unmarshal(spec, o.DestinationRule)
		},
	}
}

func unmarshal(spec map[string]any, into json.Unmarshaler) error {
	b, err := json.Marshal(spec)
	if err != nil {
		return err
	}
	return into.UnmarshalJSON(b)
}

// twice reports resources that one manifest holds more than once.
func twice(objects []Object) []mesh.Finding {
	var bad []mesh.Finding
	seen := map[string]bool{}
	for _, o := range objects {
		if o.Name != "" && seen[o.Key()] {
			bad = append(bad, o.place([]mesh.Finding{
				CodeTwice.On(o.Key(), "metadata.name", "%q is in the manifest twice; keep one of them", o.Name),
			})...)
		}
		seen[o.Key()] = true
	}
	return bad
}
