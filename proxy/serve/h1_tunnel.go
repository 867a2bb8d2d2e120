package serve

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/sightline-mesh/sightline/proxy/http1"
	"github.com/sightline-mesh/sightline/proxy/listen"
	"github.com/sightline-mesh/sightline/proxy/pool"
)

// tunnel passes bytes both ways after the switch to another protocol, until both
// sides have ended theirs or one of them breaks.
func (h *h1) tunnel(x *exchange, up *pool.Conn) error {
	h.stopUpload()
	h.res.Clean()
	if x.out != nil {
		edit(&h.res.Head, x.out.response)
	}
	h.begun, h.closing = true, true
	if err := errors.Join(h.out.Response(&h.res, http1.NoBody), h.out.Flush()); err != nil {
		return errClientGone
	}
	h.conn.Enter(listen.Unwatched)
	if up.Deadline {
		if err := up.SetDeadline(time.Time{}); err != nil {
			return errAnswerCut
		}
	}
	var there sync.WaitGroup
	there.Go(func() { x.rec.BytesIn += splice(up.Conn, h.nc, h.in.Buffered()) })
	x.rec.BytesOut += splice(h.nc, up.Conn, up.In.Buffered())
	there.Wait()
	return nil
}

// splice copies from one connection to the other until the first has ended, and
// then ends the sending side of the second. If anything breaks it breaks both, so
// that the copy the other way ends too.
func splice(to, from net.Conn, early []byte) (n uint64) {
	buf := http1.Borrow(16 << 10)
	defer http1.GiveBack(buf)
	p, readErr := early, error(nil)
	for {
		if len(p) > 0 {
			if _, err := to.Write(p); err != nil {
				readErr = err
			}
			n += uint64(len(p))
		}
		if readErr != nil {
			break
		}
		var m int
		m, readErr = from.Read(buf)
		p = buf[:m]
	}
	half, ok := to.(interface{ CloseWrite() error })
	if errors.Is(readErr, io.EOF) && ok && half.CloseWrite() == nil {
		return n
	}
	past := time.Unix(1, 0)
	to.SetDeadline(past)   //nolint:errcheck // it is broken
	from.SetDeadline(past) //nolint:errcheck // it is broken
	return n
}
