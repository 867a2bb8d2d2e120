package serve

import (
	"errors"

	"github.com/sightline-mesh/sightline/proxy/http1"
	"github.com/sightline-mesh/sightline/proxy/http2"
)

// relay implements codec. It goes on with the request while it passes the answer on,
// and gives up what is left of it when the answer has ended.
func (h *h2) relay(x *exchange) error {
	if h.h1 != nil {
		return h.relayOnH1(x)
	}
	h.blame(x)
	if x.out != nil {
		editH2(h.res, x.out.response)
		editH2(h.res, x.out.always)
	}
	h.begun, h.body.final = true, true
	h.lasts = h.lasts || h.cfg.intake.Idle > 0 && h.lasting()
	if h.ended && len(h.back) == 0 && h.up.Trailers() == nil {
		x.rec.GRPCStatus = grpcStatus(h.res)
		h.down.AnswerOnly(h.res)
		return nil
	}
	h.down.Answer(h.res)
	return h.relayBody(x)
}

// lasting implements codec.
func (h *h2) lasting() bool {
	if h.h1 != nil {
		return lastingType(h.h1.res.Get(http1.ContentType))
	}
	return h.grpc || h.x.extended || lastingType(h.res.Get("content-type"))
}

func (h *h2) relayBody(x *exchange) error {
	for {
		pulled, done := h.pull(x)
		if done {
			return nil
		}
		pushed := h.push(x)
		if pulled || pushed {
			continue
		}
		if err := h.clientEnded(); err != nil {
			return err
		}
		if err := h.up.Err(); err != nil && len(h.back) == 0 {
			return h.cutOff(x, err)
		}
		x.slow = true
		if h.wait(x.deadline) {
			h.code = http2.Cancel
			if h.idled {
				return errStalled
			}
			return cut(x, errTimeout)
		}
	}
}

// cutOff is an answer whose stream ended before it did.
func (h *h2) cutOff(x *exchange, err error) error {
	h.code = http2.Internal
	if e, ok := errors.AsType[*http2.StreamError](err); ok && e.Remote {
		h.code = e.Code
	}
	return cut(x, err)
}

// noteTrailers takes what the record says of them, and out of them what only a sidecar
// may say: the one at the other end, if it has made them in place of the app's.
func (x *exchange) noteTrailers(t *http2.Head) {
	if code := grpcStatus(t); code >= 0 {
		x.rec.GRPCStatus = code
	}
	reason, told := t.Lookup("x-sightline-reason")
	flags, flagged := t.Lookup("x-sightline-flags")
	if !told && !flagged {
		return
	}
	t.Drop("x-sightline-reason")
	t.Drop("x-sightline-flags")
	if told && x.answer.sidecar {
		x.rec.GeneratedBy, x.rec.Reason = "peer", reason
		x.flagged(flags)
	}
}

// flagged takes over the flags of the sidecar at the other end, which are about what the
// caller's own would have found a moment later: gRPC's timeout goes along, and of trailers
// it cannot be seen that the app did not send them.
func (x *exchange) flagged(flags string) {
	x.rec.Flags = joinFlags(knownFlags(flags), x.rec.Flags)
	x.answer.late = flags == outOfTime
}

// blame notes who made the response: the sidecar at the other end says so. What an
// app, or anybody else, says of that kind is not believed.
func (h *h2) blame(x *exchange) {
	x.rec.GeneratedBy = "app"
	if !x.answer.sidecar {
		h.res.Drop("x-sightline-reason")
		h.res.Drop("x-sightline-flags")
		return
	}
	if reason := h.res.Get("x-sightline-reason"); reason != "" {
		x.rec.GeneratedBy, x.rec.Reason = "peer", reason
		if h.grpc && h.res.Get("x-sightline-flags") == outOfTime {
			x.flagged(outOfTime)
		}
	}
}
