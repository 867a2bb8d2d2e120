package emit

import (
	"fmt"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// maxTags is how many bytes the tags of one span take at most: those there may be, each
// with a value of which every other byte had to be replaced.
const maxTags = mesh.MaxSpanTags * (mesh.MaxSpanTagName + 2*mesh.MaxSpanTagValue + 16)

// SpanRule is a compiled mesh.SpanRule. It is never changed. Nil is one that says nothing.
type SpanRule struct {
	off     bool
	fixed   []byte // attributes of every span
	headers []mesh.SpanTag
}

// CompileSpans proves what is said of the spans of one direction.
func CompileSpans(r *mesh.SpanRule) (*SpanRule, error) {
	if r == nil {
		return nil, nil //nolint:nilnil // nothing is said
	}
	if len(r.Tags) > mesh.MaxSpanTags {
		return nil, fmt.Errorf("%d tags: want at most %d", len(r.Tags), mesh.MaxSpanTags)
	}
	out := &SpanRule{off: r.Off}
	for _, t := range r.Tags {
		switch {
		case t.Name == "" || len(t.Name) > mesh.MaxSpanTagName || mesh.OwnSpanKey(t.Name):
			return nil, fmt.Errorf("tag %q: is no name of one", t.Name)
		case t.Header != "":
			out.headers = append(out.headers, t)
		default:
			out.fixed = attrString(out.fixed, spanAttrs, t.Name, cut(t.Literal))
		}
	}
	return out, nil
}

// Apply has the record tell what the rule says. The tags are written to memory, which is
// returned for the next record; header finds a field of the request by its lower-case
// name, and is nil where there are none.
func (s *SpanRule) Apply(r *Record, memory []byte, header func(name string) (string, bool)) []byte {
	r.Untold = s.off
	if s.off || !r.Trace.Sampled && !r.Kept {
		return memory
	}
	b := append(memory[:0], s.fixed...)
	for i := range s.headers {
		t := &s.headers[i]
		value, there := "", false
		if header != nil {
			value, there = header(t.Header)
		}
		if !there {
			value = t.Default
		}
		b = attrString(b, spanAttrs, t.Name, cut(value))
	}
	r.Tags = b
	return b
}

func cut(value string) string { return value[:min(len(value), mesh.MaxSpanTagValue)] }
