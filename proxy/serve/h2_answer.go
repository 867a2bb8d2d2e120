package serve

import (
	"net/http"
	"strconv"

	"github.com/sightline-mesh/sightline/proxy/emit"
	"github.com/sightline-mesh/sightline/proxy/http2"
	"github.com/sightline-mesh/sightline/proxy/route"
)

// outgoing is the request's head as the present try sends it: with the route's changes,
// and with the time that is left.
func (h *h2) outgoing(x *exchange) *http2.Head {
	out := h.req
	if x.out != nil {
		out = &h.changed
		out.CopyFrom(h.req)
		if x.out.path != "" {
			out.Path = x.out.path
		}
		if x.out.authority != "" {
			out.Authority = x.out.authority
		}
		editH2(out, x.out.request)
	}
	if h.grpc {
		x.tellGRPCTimeout(out)
	}
	return out
}

// under is the head as a link has it, of which that says the scheme.
func (h *h2) under(to *link, out *http2.Head) *http2.Head {
	if to.scheme == "" || to.scheme == out.Scheme {
		return out
	}
	if out != &h.changed {
		h.changed.CopyFrom(out)
	}
	h.changed.Scheme = to.scheme
	return &h.changed
}

func editH2(h *http2.Head, edits []route.Edit) {
	for i := range edits {
		switch e := &edits[i]; e.Op {
		case route.Remove:
			h.Drop(e.Name)
		case route.Set:
			h.Set(e.Name, e.Value)
		case route.Add:
			h.Add(e.Name, e.Value)
		}
	}
}

// refuse implements codec. A gRPC client gets its answer as a status of gRPC, even in
// the middle of an answer.
func (h *h2) refuse(x *exchange, f fault) {
	h.drop(h.code)
	switch {
	case h.down.Err() != nil:
		return
	case h.code == http2.ProtocolError, h.begun && !h.grpc:
		h.down.Reset(h.code)
		return
	case f.status == 0 && !h.begun:
		h.down.Reset(http2.Cancel)
		return
	}
	out := http2.Head{Status: f.status, Length: -1}
	reason := headerValue(f.reason)
	if !h.grpc {
		out.Add("content-type", "text/plain; charset=utf-8")
	} else if h.status(x, &out, f.grpcCode(), "sightline: "+reason); h.begun {
		if h.cfg.direction == emit.Inbound {
			out.Add("x-sightline-reason", reason)
			out.Add("x-sightline-flags", f.flags)
		}
		h.down.SendTrailers(&out)
		return
	}
	out.Add("x-sightline-reason", reason)
	out.Add("x-sightline-flags", f.flags)
	out.Add("x-request-id", x.rec.RequestID)
	for i := 0; i+1 < len(f.fields); i += 2 {
		out.Add(f.fields[i], f.fields[i+1])
	}
	if x.out != nil {
		editH2(&out, x.out.always)
	}
	h.say(x, &out, "sightline: "+reason+"\n")
}

// answer implements codec. A gRPC client gets its answer as a status of gRPC.
func (h *h2) answer(x *exchange, a *route.Answer) error {
	out := http2.Head{Status: a.Status, Length: -1}
	editH2(&out, a.Fields)
	if x.out != nil {
		editH2(&out, x.out.response)
		editH2(&out, x.out.always)
	}
	out.Set("x-sightline-reason", headerValue(x.rec.Reason))
	out.Set("x-request-id", x.rec.RequestID)
	if h.grpc {
		h.status(x, &out, grpcOf(a), a.Body)
	}
	h.say(x, &out, a.Body)
	return nil // a client that is gone by now has lost nothing
}

// status makes the head one that has a status of gRPC and nothing else.
func (h *h2) status(x *exchange, out *http2.Head, code int, message string) {
	x.rec.GRPCStatus = code
	out.Set("grpc-status", strconv.Itoa(code))
	out.Set("grpc-message", grpcMessage(message))
	if h.begun { // then these are trailers
		out.Status = 0
		return
	}
	out.Status = http.StatusOK
	out.Set("content-type", "application/grpc")
}

// say sends a whole answer. A body that the client's windows do not let pass at once
// is the client's loss.
func (h *h2) say(x *exchange, out *http2.Head, body string) {
	h.begun, x.rec.Status = true, out.Status
	bodyless := out.Status == http.StatusNoContent || out.Status == http.StatusNotModified
	if !h.grpc && !bodyless {
		out.Set("content-length", strconv.Itoa(len(body)))
	}
	if h.grpc || bodyless || h.req.Method == http.MethodHead || body == "" {
		h.down.AnswerOnly(out)
		return
	}
	h.down.Answer(out)
	n, _ := h.down.SendLast([]byte(body))
	x.rec.BytesOut = uint64(n)
}
