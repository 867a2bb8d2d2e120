package http1

import "iter"

// All are the fields as they will be written, edits included: names as they came, or
// in lower case, and values.
func (h *Head) All() iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for i := range h.fields {
			f := &h.fields[i]
			if !f.gone && !f.cut && !yield(view(h.name(f)), view(h.value(f))) {
				return
			}
		}
		for i := range h.adds {
			if a := &h.adds[i]; !a.cut && !yield(a.name, a.value) {
				return
			}
		}
	}
}
