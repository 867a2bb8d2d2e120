package http1

// The edits of this file are for names that are known only at run time. They lie
// over what Set and Drop did, and Undo takes them all back: each try of a request
// may be edited differently. Names are in lower case; names and values must stay
// valid until the head is written for the last time.

// Remove leaves every field of the name out when the head is written.
func (h *Head) Remove(name string) {
	h.layer()
	k := lookupName(name)
	if k == Other || h.Has(k) {
		for i := range h.fields {
			if f := &h.fields[i]; f.known == k && (k != Other || equalFold(h.name(f), name)) {
				f.cut = true
			}
		}
	}
	for i := range h.adds {
		if h.adds[i].name == name {
			h.adds[i].cut = true
		}
	}
}

// Replace writes one field of the name in place of all there are.
func (h *Head) Replace(name, value string) {
	h.Remove(name)
	h.adds = append(h.adds, addition{name: name, value: value})
}

// Append writes one field more.
func (h *Head) Append(name, value string) {
	h.layer()
	h.adds = append(h.adds, addition{name: name, value: value})
}

// Undo takes back what Remove, Replace and Append did.
func (h *Head) Undo() {
	if !h.edited {
		return
	}
	h.edited = false
	for i := range h.fields {
		h.fields[i].cut = false
	}
	h.adds = h.adds[:h.base]
	for i := range h.adds {
		h.adds[i].cut = false
	}
}

// layer notes where the edits begin.
func (h *Head) layer() {
	if !h.edited {
		h.edited, h.base = true, len(h.adds)
	}
}

// lookupName is lookup for a name in lower case.
func lookupName(name string) Known {
	if len(name) >= len(knownByLength) {
		return Other
	}
	for _, k := range knownByLength[len(name)] {
		if knownNames[k] == name {
			return k
		}
	}
	return Other
}
