package traceql

import (
	"maps"
	"slices"
	"strings"

	"github.com/sightline-mesh/sightline/collector/filter"
)

// sort is what values a field has.
type sort int

const (
	attribute sort = iota // of any type
	text
	length   // of time
	identity // hex
	enumeration
)

// intrinsic is a field that every span has.
type intrinsic struct {
	key   string // in collector/filter's language, or one of the whole trace's
	sort  sort
	words []string // of an enumeration
}

// The fields of the whole trace are lifted out of the conditions on its spans.
const (
	traceDuration = "\x00duration"
	rootName      = "\x00name"
	rootService   = "\x00service"
)

// Statuses and Kinds are the words that the fields of those names have.
var (
	Statuses = []string{"error", "ok", "unset"}
	Kinds    = []string{"client", "consumer", "internal", "producer", "server", "unspecified"}
)

var intrinsics = map[string]intrinsic{
	"name":                 {key: "name", sort: text},
	"span:name":            {key: "name", sort: text},
	"duration":             {key: "duration", sort: length},
	"span:duration":        {key: "duration", sort: length},
	"status":               {key: "status", sort: enumeration, words: Statuses},
	"span:status":          {key: "status", sort: enumeration, words: Statuses},
	"kind":                 {key: "kind", sort: enumeration, words: Kinds},
	"span:kind":            {key: "kind", sort: enumeration, words: Kinds},
	"statusMessage":        {key: "status.message", sort: text},
	"span:statusMessage":   {key: "status.message", sort: text},
	"span:id":              {key: "span_id", sort: identity},
	"span:parentID":        {key: "parent_id", sort: identity},
	"trace:id":             {key: "trace_id", sort: identity},
	"event:name":           {key: "event.name", sort: text},
	"instrumentation:name": {key: "scope.name", sort: text},
	"traceDuration":        {key: traceDuration, sort: length},
	"trace:duration":       {key: traceDuration, sort: length},
	"rootName":             {key: rootName, sort: text},
	"trace:rootName":       {key: rootName, sort: text},
	"rootServiceName":      {key: rootService, sort: text},
	"trace:rootService":    {key: rootService, sort: text},
}

// Intrinsics are the names of the fields that every span or trace has, sorted.
func Intrinsics() []string { return slices.Sorted(maps.Keys(intrinsics)) }

// newer are the names that attributes have got; the store knows spans with the older ones
// by both.
var newer = map[string]string{
	"http.status_code": "http.response.status_code",
	"http.method":      "http.request.method",
	"http.target":      "url.path",
}

// Field is what a condition or a list of values is about.
type Field struct {
	Name string // as written
	Keys []filter.Comparison
	Root bool // of spans without a parent

	intrinsic
}

// FieldOf reads the name of a field: an intrinsic, or an attribute with its scope or with
// a dot before it.
func FieldOf(name string) (Field, error) {
	return fieldOf(token{class: word, text: name})
}

func fieldOf(t token) (Field, error) {
	f := Field{Name: t.text}
	if in, ok := intrinsics[t.text]; ok {
		f.intrinsic = in
		key := strings.TrimPrefix(in.key, "\x00")
		f.Root = key != in.key
		f.Keys = []filter.Comparison{{Key: key, Pos: t.pos}}
		return f, nil
	}
	for _, s := range []struct {
		prefix string
		scopes []filter.Scope
	}{
		{"span.", []filter.Scope{filter.Span}},
		{"resource.", []filter.Scope{filter.Resource}},
		{".", []filter.Scope{filter.Span, filter.Resource}},
	} {
		key, ok := strings.CutPrefix(t.text, s.prefix)
		if !ok || key == "" {
			continue
		}
		for _, scope := range s.scopes {
			f.Keys = append(f.Keys, filter.Comparison{Key: key, Scope: scope, Pos: t.pos})
			if n := newer[key]; n != "" && scope == filter.Span {
				f.Keys = append(f.Keys, filter.Comparison{Key: n, Scope: scope, Pos: t.pos})
			}
		}
		return f, nil
	}
	return f, wrong(t.pos, "unknown field %q; want an attribute after span., resource. or a dot, or one of %s", t.text, strings.Join(Intrinsics(), ", "))
}

// Words are the values of a field that has no others, nil of any other field.
func (f Field) Words() []string { return f.words }

// Length reports whether the values of the field are lengths of time.
func (f Field) Length() bool { return f.sort == length }
