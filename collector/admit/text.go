package admit

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// reading looks through the text of an item: whether it is UTF-8, and how long the
// longest value is. Its functions say which field is not, empty where all are.
type reading struct{ longest int }

// field reads what is no attribute.
func (*reading) field(name, s string) string {
	if utf8.ValidString(s) {
		return ""
	}
	return name + " is not UTF-8"
}

func (r *reading) attributes(m pcommon.Map) string {
	for k, v := range m.All() {
		if !utf8.ValidString(k) {
			return fmt.Sprintf("the key %q of an attribute is not UTF-8", k)
		}
		if !r.value(v, 0) {
			return fmt.Sprintf("attribute %q is not UTF-8", k)
		}
	}
	return ""
}

// within is a fault of the i-th part of a kind of an item, empty if there is none.
func within(kind string, i int, faults ...string) string {
	if fault := first(faults...); fault != "" {
		return fmt.Sprintf("%s %d: %s", kind, i+1, fault)
	}
	return ""
}

func first(faults ...string) string {
	for _, f := range faults {
		if f != "" {
			return f
		}
	}
	return ""
}

// maxNesting is how deep lists and maps are stored; what is deeper is null.
const maxNesting = 32

func (r *reading) value(v pcommon.Value, depth int) bool {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		s := v.Str()
		r.longest = max(r.longest, len(s))
		return utf8.ValidString(s)
	case pcommon.ValueTypeBytes:
		r.longest = max(r.longest, v.Bytes().Len())
	case pcommon.ValueTypeMap:
		for k, one := range v.Map().All() {
			if !utf8.ValidString(k) || depth < maxNesting && !r.value(one, depth+1) {
				return false
			}
		}
	case pcommon.ValueTypeSlice:
		for _, one := range v.Slice().All() {
			if depth < maxNesting && !r.value(one, depth+1) {
				return false
			}
		}
	}
	return true
}

// trimmed counts attributes that were left out, and values that were cut.
type trimmed struct{ left, cut int }

// trim leaves out attributes beyond their number, the last first, but for those to keep,
// and cuts values that are too long, of which the longest is as said.
func (a *Admission) trim(m pcommon.Map, longest int, keep ...string) (t trimmed) {
	if most := int(a.caps.Attributes); most > 0 && m.Len() > most {
		t.left = leave(m, most, keep)
	}
	if most := int(a.caps.AttributeBytes); most > 0 && longest > most {
		for _, v := range m.All() {
			t.cut += cut(v, most, 0)
		}
	}
	return t
}

func leave(m pcommon.Map, most int, keep []string) (left int) {
	for _, k := range keep {
		if _, there := m.Get(k); there {
			most-- // its place
		}
	}
	n := 0
	m.RemoveIf(func(k string, _ pcommon.Value) bool {
		if slices.Contains(keep, k) {
			return false
		}
		if n++; n > most {
			left++
			return true
		}
		return false
	})
	return left
}

// cut shortens text and bytes of a value, at whatever depth.
func cut(v pcommon.Value, most, depth int) (n int) {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		if s := v.Str(); len(s) > most {
			v.SetStr(prefix(s, most))
			return 1
		}
	case pcommon.ValueTypeBytes:
		if b := v.Bytes(); b.Len() > most {
			b.FromRaw(b.AsRaw()[:most])
			return 1
		}
	case pcommon.ValueTypeMap:
		for _, one := range v.Map().All() {
			if depth < maxNesting {
				n += cut(one, most, depth+1)
			}
		}
	case pcommon.ValueTypeSlice:
		for _, one := range v.Slice().All() {
			if depth < maxNesting {
				n += cut(one, most, depth+1)
			}
		}
	}
	return n
}

// prefix is the first bytes of s, up to the end of a character.
func prefix(s string, most int) string {
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}
