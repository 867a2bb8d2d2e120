package config

import (
	"bytes"
	"regexp"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// versionField is the resourceVersion of a manifest: in lines of its own, or between
// others.
var versionField = regexp.MustCompile(`^["']?resourceVersion["']?[ \t]*:[ \t]*("[^"]*"|'[^']*'|[^,{}\s]*)`)

// Unversioned is the object's document without its resourceVersion, which is of one
// application, and nothing else changed.
func (o Object) Unversioned() []byte {
	root := o.tree()
	key, _, whole := find(root, "metadata.resourceVersion")
	if o.ResourceVersion == "" || !whole {
		return o.Source
	}
	_, values, _ := find(root, "metadata")
	at := offset(o.Source, key)
	field := versionField.FindIndex(o.Source[at:])
	if values == nil || field == nil {
		return o.Source
	}
	from, to := at, at+field[1]
	if values.Style&yaml.FlowStyle != 0 {
		from, to = withComma(o.Source, from, to)
	} else {
		from, to = wholeLine(o.Source, from, to)
	}
	return append(bytes.Clone(o.Source[:from]), o.Source[to:]...)
}

// offset is where a node begins.
func offset(text []byte, n *yaml.Node) int {
	at := 0
	for line := 1; line < n.Line; line++ {
		at += bytes.IndexByte(text[at:], '\n') + 1
	}
	for range n.Column - 1 { // which counts letters, not bytes
		_, size := utf8.DecodeRune(text[at:])
		at += size
	}
	return at
}

// withComma takes in the comma that parts a field from the next one, or from the last.
func withComma(text []byte, from, to int) (int, int) {
	if rest := bytes.TrimLeft(text[to:], " \t\n"); bytes.HasPrefix(rest, []byte(",")) {
		return from, len(text) - len(bytes.TrimLeft(rest[1:], " \t\n"))
	}
	if before := bytes.TrimRight(text[:from], " \t\n"); bytes.HasSuffix(before, []byte(",")) {
		return len(before) - 1, to
	}
	return from, to
}

// wholeLine is the line of a field of its own. Where it is the first of a list's item or
// the like, only the field goes.
func wholeLine(text []byte, from, to int) (int, int) {
	start := bytes.LastIndexByte(text[:from], '\n') + 1
	if len(bytes.TrimSpace(text[start:from])) > 0 {
		return from, to
	}
	if end := bytes.IndexByte(text[to:], '\n'); end >= 0 {
		return start, to + end + 1
	}
	return start, len(text)
}
