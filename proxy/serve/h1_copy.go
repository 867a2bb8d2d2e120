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
		return a, &broken{end: retry.ConnectFailed, cause: fmt.Errorf("connect: %w", err)}
	}
	interrupt := context.AfterFunc(ctx, func() { up.Close() })
	defer interrupt()
	var res http1.Response
	if _, err = up.Write(l.raw); err == nil {
		err = l.read(up, &res)
	}
	if err != nil {
		up.Discard()
		b := &broken{end: retry.Reset, cause: fmt.Errorf("no answer: %w", err)}
		if ctx.Err() != nil {
			b.end, b.cause = retry.TimedOut, fmt.Errorf("no answer: %w", ctx.Err())
		}
		return a, b
	}
	a.status = res.Status
	if !interrupt() || !res.KeepAlive || len(up.In.Buffered()) > 0 {
		up.Discard()
		return a, nil
	}
	up.Pool().Put(up)
	return a, nil
}

// read reads the answer to its end.
func (l *h1Letter) read(up *pool.Conn, res *http1.Response) error {
	if err := l.readHead(up, res); err != nil {
		return err
	}
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
