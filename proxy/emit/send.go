package emit

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/sightline-mesh/sightline/collector/signal"
)

// How long one export request may take, how long to wait between two tries, and how
// much of an answer is read.
const (
	sendTimeout = 30 * time.Second
	minBackoff  = 250 * time.Millisecond
	maxBackoff  = 5 * time.Second
	answerLimit = 64 << 10
)

// errRefused is a batch the collector will never take.
var errRefused = errors.New("refused")

// sender posts batches to the collector, oldest first, until they are answered for.
type sender struct {
	client   *http.Client
	base     string
	queue    *queue
	accounts *accounts
	log      *slog.Logger
	failing  bool // what the log was told last
	process  string
	instance string
}

func newSender(c Config, d Deps, q *queue, a *accounts) *sender {
	log := d.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	var conf *tls.Config
	if d.TLS != nil {
		conf = d.TLS.Clone()
		conf.NextProtos = []string{"http/1.1"}
	}
	return &sender{
		client: &http.Client{
			Transport: &http.Transport{
				DialContext:         dial(new(net.Dialer).DialContext),
				DialTLSContext:      dial((&tls.Dialer{Config: conf}).DialContext),
				MaxIdleConnsPerHost: 1,
				IdleConnTimeout:     90 * time.Second,
				DisableCompression:  true,
			},
			// A collector that redirects is not ours.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		base: strings.TrimSuffix(c.Collector, "/"), queue: q, accounts: a, log: log,
		process: rand.Text(), instance: c.Instance,
	}
}

// reconnect has what is sent next go over a new connection. A request under way is finished.
func (s *sender) reconnect() { s.client.CloseIdleConnections() }

// run sends what is queued until ctx ends, and goes on with what is left until grace
// has passed. ended says that nothing will be queued any more. The end of ctx does not
// cut off a request under way: the collector may have taken it already, and would be
// told again.
func (s *sender) run(ctx context.Context, grace time.Duration, ended <-chan struct{}) {
	defer s.client.CloseIdleConnections()
	sending, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cut) })
	defer stop()
	var pause backoff
	for ctx.Err() == nil {
		if s.queue.size() > 0 {
			pause.after(ctx, s.sendOldest(sending))
			continue
		}
		select {
		case <-ctx.Done():
		case <-s.queue.filled:
		}
	}
	<-ended
	pause = backoff{}
	for sending.Err() == nil && s.queue.size() > 0 {
		pause.after(sending, s.sendOldest(sending))
	}
	for b, ok := s.queue.pop(); ok; b, ok = s.queue.pop() {
		s.accounts.drop(b.kind, b.items, DroppedShutdown)
	}
}

// backoff is the time to wait after failures in a row.
type backoff struct{ wait time.Duration }

// after waits if err is a failure: twice as long as after the one before, or until ctx
// ends.
func (b *backoff) after(ctx context.Context, err error) {
	if err == nil {
		b.wait = 0
		return
	}
	b.wait = min(max(2*b.wait, minBackoff), maxBackoff)
	select {
	case <-ctx.Done():
	case <-time.After(b.wait/2 + mathrand.N(b.wait/2)): // half jittered: never at once
	}
}

// sendOldest sends the oldest batch. A batch that should be tried again is put back
// and its error returned.
func (s *sender) sendOldest(ctx context.Context) error {
	b, ok := s.queue.pop()
	if !ok {
		return nil
	}
	out := &outgoing{bytes: b.body}
	rejected, err := s.post(ctx, b.kind, out)
	switch {
	case err == nil:
		s.accounts.acknowledge(b.kind, b.items, rejected)
		if b.block != nil && out.open.Load() == 0 {
			s.queue.giveBack(b.block)
		}
		s.tell(nil)
		return nil
	case errors.Is(err, errRefused):
		s.accounts.drop(b.kind, b.items, DroppedRefused)
		s.log.Error("the collector refused telemetry", "error", err, "items", b.items)
		return nil
	}
	if !s.queue.putBack(b) {
		s.accounts.drop(b.kind, b.items, DroppedQueueFull)
	}
	if ctx.Err() == nil {
		s.tell(err)
	}
	return err
}

// tell logs the first failure of a row, and the end of the row.
func (s *sender) tell(err error) {
	switch failing := err != nil; {
	case failing && !s.failing:
		s.log.Warn("telemetry is kept until the collector takes it", "error", err)
	case !failing && s.failing:
		s.log.Info("the collector takes telemetry again")
	}
	s.failing = err != nil
}

// post sends one batch and says how many of its items the collector rejected.
func (s *sender) post(ctx context.Context, kind int, out *outgoing) (rejected int, err error) {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	path := [...]string{traces: "traces", logs: "logs", metrics: "metrics"}[kind]
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+"/v1/"+path, out.reader())
	if err != nil {
		return 0, fmt.Errorf("post %s: %w", path, err)
	}
	req.ContentLength = int64(len(out.bytes))
	req.GetBody = func() (io.ReadCloser, error) { return out.reader(), nil }
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Header.Set("Content-Encoding", "snappy")
	req.Header.Set("User-Agent", "sightline-proxy")
	req.Header.Set(signal.StatementHeader, s.statement().String())
	resp, err := s.client.Do(req)
	if err != nil {
		return 0, fmt.Errorf("post %s: %w", path, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, answerLimit))
	if err != nil {
		return 0, fmt.Errorf("post %s: %w", path, err)
	}
	switch resp.StatusCode {
	case http.StatusOK:
		return rejectedOf(answer), nil
	case http.StatusTooManyRequests, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return 0, fmt.Errorf("post %s: %s", path, resp.Status)
	}
	return 0, fmt.Errorf("post %s: %w: %s: %s", path, errRefused, resp.Status, strconv.Quote(string(answer[:min(len(answer), 200)])))
}

// statement is what became of all that was made so far: the collector keeps it beside what
// came.
func (s *sender) statement() signal.Statement {
	told := func(kind int) signal.Told {
		of := s.accounts.of(kind)
		return signal.Told{Made: of.Emitted, Acknowledged: of.Acknowledged, Dropped: of.Dropped}
	}
	return signal.Statement{Process: s.process, Instance: s.instance, Signals: map[string]signal.Told{
		"traces": told(traces), "logs": told(logs), "metrics": told(metrics),
	}}
}

// outgoing is a body that may have to be sent more than once. It knows whether anything
// still reads it: a client may do so after it has got the answer.
type outgoing struct {
	bytes []byte
	open  atomic.Int32 // readers
}

func (o *outgoing) reader() io.ReadCloser {
	o.open.Add(1)
	return &reader{Reader: bytes.NewReader(o.bytes), closed: sync.OnceFunc(func() { o.open.Add(-1) })}
}

type reader struct {
	*bytes.Reader

	closed func()
}

func (r *reader) Close() error {
	r.closed()
	return nil
}

// rejectedOf reads the number of rejected items from an export response. All three
// kinds have the same shape: field 1 is partial_success, whose field 1 is the number.
func rejectedOf(answer []byte) int {
	partial, ok := bytesField(answer, 1)
	if !ok {
		return 0
	}
	for len(partial) > 0 {
		f, typ, n := protowire.ConsumeTag(partial)
		if n < 0 {
			return 0
		}
		partial = partial[n:]
		if f == 1 && typ == protowire.VarintType {
			v, n := protowire.ConsumeVarint(partial)
			if n < 0 || v > 1<<31 {
				return 0
			}
			return int(v)
		}
		if n = protowire.ConsumeFieldValue(f, typ, partial); n < 0 {
			return 0
		}
		partial = partial[n:]
	}
	return 0
}

// bytesField finds field want, a message, in b.
func bytesField(b []byte, want protowire.Number) ([]byte, bool) {
	for len(b) > 0 {
		f, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil, false
		}
		b = b[n:]
		if f == want && typ == protowire.BytesType {
			v, n := protowire.ConsumeBytes(b)
			return v, n >= 0
		}
		if n = protowire.ConsumeFieldValue(f, typ, b); n < 0 {
			return nil, false
		}
		b = b[n:]
	}
	return nil, false
}
