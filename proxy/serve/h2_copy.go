package serve

import (
	"bytes"
	"context"
	"errors"
	"strings"

	"github.com/sightline-mesh/sightline/proxy/http1"
	"github.com/sightline-mesh/sightline/proxy/http2"
	"github.com/sightline-mesh/sightline/proxy/retry"
)

// h2Letter is a whole request. It shares no memory with the one it is a copy of.
type h2Letter struct {
	head     http2.Head
	body     []byte
	trailers *http2.Head
}

// copy implements codec.
func (h *h2) copy(x *exchange, to address) letter {
	b := &h.body
	if !b.all || b.held.lost || x.extended {
		return nil
	}
	l := &h2Letter{body: bytes.Clone(b.held.held())}
	ownHead(&l.head, h.outgoing(x))
	if to.authority != "" {
		l.head.Authority = to.authority
	}
	if to.traceparent != "" {
		l.head.Set("traceparent", to.traceparent)
	}
	if to.b3 != nil {
		b3Fields(to.b3, func(k http1.Known, value string) { setOrDrop(&l.head, k.String(), strings.Clone(value)) })
	}
	l.head.Drop("expect")
	if b.trailers != nil {
		l.trailers = new(http2.Head)
		ownHead(l.trailers, b.trailers)
	}
	return l
}

// ownHead copies a head with every byte it points to.
func ownHead(to, from *http2.Head) {
	to.CopyFrom(from)
	for _, s := range []*string{&to.Method, &to.Scheme, &to.Authority, &to.Path, &to.Protocol} {
		*s = strings.Clone(*s)
	}
	for i := range to.Fields {
		f := &to.Fields[i]
		f.Name, f.Value = strings.Clone(f.Name), strings.Clone(f.Value)
	}
}

// post implements letter.
func (l *h2Letter) post(ctx context.Context, to *link) (answer, error) {
	wake := http2.NewWaker()
	up, err := l.open(ctx, to, wake)
	if err != nil {
		return answer{grpc: -1}, err
	}
	defer up.Close()
	a, err := l.exchange(ctx, up, wake)
	if err != nil {
		up.Reset(http2.Cancel)
	} else if a.sidecar = to.proved(); a.sidecar {
		a.peerMade(up.Head().Get("x-sightline-flags"))
	}
	return a, err
}

// bare reports whether there is nothing but a head.
func (l *h2Letter) bare() bool { return len(l.body) == 0 && l.trailers == nil }

// exchange sends what follows the head and reads the answer to its end.
func (l *h2Letter) exchange(ctx context.Context, up *http2.Stream, wake http2.Waker) (answer, error) {
	a := answer{grpc: -1}
	left, sent := l.body, l.bare()
	for {
		n := 0
		if !sent {
			n, sent = l.pass(up, left)
			left = left[n:]
		}
		p, ended := up.Data()
		up.Took(len(p))
		if ended && up.Head() != nil {
			return answered(up), nil
		}
		if err := up.Err(); err != nil {
			return a, brokenStream(err)
		}
		if n > 0 || len(p) > 0 {
			continue
		}
		up.Flush()
		select {
		case <-wake:
		case <-ctx.Done():
			return a, &broken{end: retry.TimedOut, cause: errors.Join(errNoAnswer, ctx.Err())}
		}
	}
}

// answered is an answer that has come to its end.
func answered(up *http2.Stream) answer {
	a := answer{status: up.Head().Status, grpc: grpcStatus(up.Head())}
	if t := up.Trailers(); t != nil && grpcStatus(t) >= 0 {
		a.grpc = grpcStatus(t)
	}
	return a
}

func (l *h2Letter) pass(up *http2.Stream, left []byte) (n int, done bool) {
	if l.trailers == nil {
		return up.SendLast(left)
	}
	if n = up.Send(left); n == len(left) {
		up.SendTrailers(l.trailers)
		done = true
	}
	return n, done
}
