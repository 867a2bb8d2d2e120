package serve

import "github.com/sightline-mesh/sightline/proxy/http2"

// fields implements codec.
func (h *h1) fields(yield func(name, value string) bool) { h.req.All()(yield) }

// answerFields implements codec.
func (h *h1) answerFields(yield func(name, value string) bool) { h.res.All()(yield) }

// fields implements codec.
func (h *h2) fields(yield func(name, value string) bool) { allOf(h.req, yield) }

// answerFields implements codec.
func (h *h2) answerFields(yield func(name, value string) bool) {
	if h.h1 != nil {
		h.h1.res.All()(yield)
		return
	}
	allOf(h.res, yield)
}

func allOf(h *http2.Head, yield func(name, value string) bool) {
	if h == nil {
		return
	}
	for i := range h.Fields {
		if !yield(h.Fields[i].Name, h.Fields[i].Value) {
			return
		}
	}
}

// fields implements codec: a stream of bytes has none.
func (*byteStream) fields(func(name, value string) bool) {}

// answerFields implements codec.
func (*byteStream) answerFields(func(name, value string) bool) {}
