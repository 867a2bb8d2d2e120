package serve

import (
	"errors"
	"io"
	"net/http"

	"github.com/sightline-mesh/sightline/proxy/http1"
	"github.com/sightline-mesh/sightline/proxy/route"
)

// change puts the changes of the route on the request, in place of those for an
// earlier try.
func (h *h1) change(x *exchange) {
	h.req.Undo()
	if x.out == nil {
		return
	}
	h.req.Target = x.out.path
	if x.out.authority != "" {
		h.req.Replace("host", x.out.authority)
	}
	edit(&h.req.Head, x.out.request)
}

func edit(h *http1.Head, edits []route.Edit) {
	for i := range edits {
		switch e := &edits[i]; e.Op {
		case route.Remove:
			h.Remove(e.Name)
		case route.Set:
			h.Replace(e.Name, e.Value)
		case route.Add:
			h.Append(e.Name, e.Value)
		}
	}
}

// refuse answers in the mesh's name. It implements codec.
func (h *h1) refuse(x *exchange, f fault) {
	h.stopUpload()
	if f.status == 0 || h.begun {
		h.closing, h.clean = true, false
		return
	}
	reason := headerValue(f.reason)
	a := &http1.Answer{
		Status: f.status,
		Fields: append([]string{
			"content-type", "text/plain; charset=utf-8",
			"x-sightline-reason", reason, "x-sightline-flags", f.flags, "x-request-id", x.rec.RequestID,
		}, f.fields...),
		Body: "sightline: " + reason + "\n",
	}
	if x.out != nil {
		a.Fields = edited(a.Fields, x.out.always)
	}
	h.say(x, a)
}

// answer implements codec.
func (h *h1) answer(x *exchange, a *route.Answer) error {
	out := &http1.Answer{Status: a.Status, Body: a.Body, Fields: edited(nil, a.Fields)}
	if x.out != nil {
		out.Fields = edited(edited(out.Fields, x.out.response), x.out.always)
	}
	out.Fields = append(out.Fields, "x-sightline-reason", headerValue(x.rec.Reason), "x-request-id", x.rec.RequestID)
	if !h.say(x, out) {
		return errClientGone
	}
	return nil
}

// say sends a whole answer, and reports whether the client was there to take it.
func (h *h1) say(x *exchange, a *http1.Answer) bool {
	h.skip()
	x.rec.Status = a.Status
	last := h.closing || !h.in.Done() || !h.req.KeepAlive || h.conn.Draining()
	h.begun = true
	h.out.Close()
	a.ToHead, a.CloseAfter = h.req.Method == http.MethodHead, last
	err := h.out.Answer(a)
	if err == nil {
		err = h.out.Flush()
	}
	if err == nil && !a.ToHead {
		x.rec.BytesOut = uint64(len(a.Body))
	}
	h.closing, h.clean = last || err != nil, err == nil
	return err == nil
}

// edited is what a list of edits makes of these fields, names and values by turns.
func edited(fields []string, edits []route.Edit) []string {
	for i := range edits {
		e := &edits[i]
		if e.Op != route.Add {
			fields = without(fields, e.Name)
		}
		if e.Op != route.Remove {
			fields = append(fields, e.Name, e.Value)
		}
	}
	return fields
}

// without is the fields but those of the name.
func without(fields []string, name string) []string {
	kept := fields[:0]
	for i := 0; i+1 < len(fields); i += 2 {
		if fields[i] != name {
			kept = append(kept, fields[i], fields[i+1])
		}
	}
	return kept
}

// skip reads over what has already come of the body, so that a request that is
// refused need not cost its connection.
func (h *h1) skip() {
	for h.x.malformed == nil && !h.in.Done() && h.in.Ready() {
		if _, err := h.in.Next(); err != nil && !errors.Is(err, io.EOF) {
			return
		}
	}
}

// headerValue is a reason with the bytes that a field value must not have replaced.
func headerValue(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c < ' ' || c == 0x7f {
			b[i] = ' '
		}
	}
	return string(b)
}
