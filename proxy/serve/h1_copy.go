package serve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/sightline-mesh/sightline/proxy/http1"
	"github.com/sightline-mesh/sightline/proxy/pool"
	"github.com/sightline-mesh/sightline/proxy/retry"
)

// h1Letter is a request as it goes over a connection, from its first byte to its last.
type h1Letter struct {
	raw    []byte
	method string
}

// copy implements codec.
func (h *h1) copy(x *exchange, to address) letter {
	if h.uploading() || !h.in.Done() || h.replay.lost || h.req.Upgrade != "" {
		return nil
	}
	h.change(x)
	if to.authority != "" {
		h.req.Replace("host", to.authority)
	}
	if to.traceparent != "" {
		h.req.Replace("traceparent", to.traceparent)
	}
	if to.b3 != nil {
		b3Fields(to.b3, func(k http1.Known, value string) {
			if h.req.Remove(k.String()); value != "" {
				h.req.Append(k.String(), value)
			}
		})
	}
	h.req.Remove("expect") // nobody waits for the answer to that
	var raw bytes.Buffer
	var w http1.Writer
	w.Reset(&raw)
	defer w.Close()
	err := w.Request(&h.req)
	if err == nil && h.replay.size > 0 {
		err = w.Data(h.replay.held())
	}
	if errors.Join(err, w.End(h.in.Trailers()), w.Flush()) != nil {
		return nil
	}
	return &h1Letter{raw: raw.Bytes(), method: strings.Clone(h.req.Method)}
}

// post implements letter.
func (l *h1Letter) post(ctx context.Context, to *link) (answer, error) {
	a := answer{grpc: -1}
	up, err := to.h1.Get(ctx)
	if err != nil {
		return a, unconnectedBy(err)
	}
	interrupt := context.AfterFunc(ctx, func() { up.Close() })
	defer interrupt()
	var res http1.Response
	if to.polite {
		up.In.FromSidecar()
	}
	n, err := up.Write(l.raw)
	if err == nil {
		if err = l.readHead(up, &res); err == nil {
			a = l.answered(to, &res)
			err = l.skipBody(up)
		}
	}
	if err != nil {
		return a, l.failed(ctx, to, up, n > 0, err)
	}
	if !interrupt() || !res.KeepAlive || len(up.In.Buffered()) > 0 {
		up.Discard()
		return a, nil
	}
	up.Pool().Put(up)
	return a, nil
}

// answered is an answer whose head has come.
func (*h1Letter) answered(to *link, res *http1.Response) answer {
	a := answer{status: res.Status, grpc: -1, sidecar: to.proved()}
	if a.sidecar && res.Has(http1.SightlineFlags) {
		a.peerMade(res.Get(http1.SightlineFlags))
	}
	return a
}

// failed says what an error on the way means, as it does of a first try. It ends the
// use of the connection.
func (*h1Letter) failed(ctx context.Context, to *link, up *pool.Conn, sent bool, err error) error {
	early, kept := len(up.In.Buffered()) > 0, up.Reused
	up.Discard()
	if ctx.Err() != nil {
		return &broken{end: retry.TimedOut, cause: fmt.Errorf("no answer: %w", ctx.Err())}
	}
	if !early {
		to.countRace(up, err)
	}
	b := brokenOff(err, !sent || to.unread(err, early))
	b.kept = kept
	return b
}

// skipBody reads the rest of the answer.
func (*h1Letter) skipBody(up *pool.Conn) error {
	for {
		if _, err := up.In.Next(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// readHead reads the head of the answer, past those before it.
func (l *h1Letter) readHead(up *pool.Conn, res *http1.Response) error {
	for {
		if err := up.In.ReadResponse(res, l.method); err != nil {
			return err
		}
		if res.Status == http.StatusSwitchingProtocols {
			return errors.New("protocol switched without being asked to")
		}
		if !res.Interim() {
			return nil
		}
	}
}
