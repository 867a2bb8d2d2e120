package http2

import (
	"strings"

	"golang.org/x/net/http2/hpack"
)

// Field is a header field. The names of those received are in lower case. Sensitive
// ones are never put into a table of header compression.
type Field = hpack.HeaderField

// Head is the head of a request or a response, or trailers. It is reused: what it
// holds is valid until its stream is closed.
type Head struct {
	// Of requests.
	Method, Scheme, Authority, Path string
	// Protocol is what an extended CONNECT (RFC 8441) asks for.
	Protocol string
	// Status is a response's.
	Status int
	// Fields are all but the pseudo-header fields, in order.
	Fields []Field
	// Length is what content-length says; -1 is nothing.
	Length int64

	size int
}

// Reset empties the head.
func (h *Head) Reset() {
	clear(h.Fields)
	*h = Head{Fields: h.Fields[:0], Length: -1}
}

// CopyFrom makes h a copy with a list of its own.
func (h *Head) CopyFrom(o *Head) {
	fields := append(h.Fields[:0], o.Fields...)
	*h = *o
	h.Fields = fields
}

// Lookup finds the first field of a lower-case name.
func (h *Head) Lookup(name string) (value string, ok bool) {
	for i := range h.Fields {
		if h.Fields[i].Name == name {
			return h.Fields[i].Value, true
		}
	}
	return "", false
}

// Get returns the value of the first such field, empty if there is none.
func (h *Head) Get(name string) string {
	v, _ := h.Lookup(name)
	return v
}

// Set replaces every such field by one with the value.
func (h *Head) Set(name, value string) {
	for i := range h.Fields {
		if h.Fields[i].Name == name {
			h.Fields[i].Value = value
			h.dropFrom(i+1, name)
			return
		}
	}
	h.Add(name, value)
}

// Add adds a field.
func (h *Head) Add(name, value string) {
	h.Fields = append(h.Fields, Field{Name: name, Value: value})
}

// Drop takes every such field out.
func (h *Head) Drop(name string) { h.dropFrom(0, name) }

// Join returns the values of all such fields with the separator between them.
func (h *Head) Join(name, separator string) string {
	first, n := "", 0
	for i := range h.Fields {
		if h.Fields[i].Name != name {
			continue
		}
		if n++; n == 1 {
			first = h.Fields[i].Value
			continue
		}
		first = strings.Join([]string{first, h.Fields[i].Value}, separator)
	}
	return first
}

func (h *Head) dropFrom(i int, name string) {
	for ; i < len(h.Fields); i++ {
		if h.Fields[i].Name == name {
			break
		}
	}
	if i == len(h.Fields) {
		return
	}
	kept := h.Fields[:i]
	for _, f := range h.Fields[i:] {
		if f.Name != name {
			kept = append(kept, f)
		}
	}
	clear(h.Fields[len(kept):])
	h.Fields = kept
}

// interim reports whether another head follows for the same request.
func (h *Head) interim() bool { return h.Status >= 100 && h.Status < 200 }
