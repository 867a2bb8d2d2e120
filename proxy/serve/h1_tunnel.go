package serve

import (
	"errors"
	"time"

	"github.com/sightline-mesh/sightline/proxy/http1"
	"github.com/sightline-mesh/sightline/proxy/listen"
	"github.com/sightline-mesh/sightline/proxy/pool"
	"github.com/sightline-mesh/sightline/proxy/stream"
)

// tunnel passes bytes both ways after the switch to another protocol, until both
// sides have ended theirs or one of them breaks.
func (h *h1) tunnel(x *exchange, up *pool.Conn) error {
	h.stopUpload()
	h.res.Clean()
	if x.out != nil {
		edit(&h.res.Head, x.out.response)
		edit(&h.res.Head, x.out.always)
	}
	h.begun, h.closing = true, true
	if err := errors.Join(h.out.Response(&h.res, http1.NoBody), h.out.Flush()); err != nil {
		return errClientGone
	}
	h.conn.Enter(listen.Unwatched)
	h.watch.leave()
	if up.Deadline {
		if err := up.SetDeadline(time.Time{}); err != nil {
			return errAnswerCut
		}
	}
	x.taken(x.rec.FirstByte)
	r := stream.Splice(x.ctx, h.nc, up.Conn, stream.Config{
		FromClient: h.in.Buffered(), FromServer: up.In.Buffered(), Idle: h.cfg.streamIdle,
	})
	x.rec.BytesIn += r.In
	x.rec.BytesOut += r.Out
	x.rec.ClosedBy = r.First.String()
	return endOf(r)
}
