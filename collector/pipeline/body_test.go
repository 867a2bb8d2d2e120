package pipeline

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/sightline-mesh/sightline/collector/account"
	"github.com/sightline-mesh/sightline/collector/admit"
	"github.com/sightline-mesh/sightline/collector/limits"
)

// A request that is refused for its tenant's rate is not decoded: nobody notices that it
// cannot be. Its items are counted all the same, once, and those that are taken, too.
func TestTooFastIsNotDecoded(t *testing.T) {
	c := testConfig(t, t.TempDir())
	slow := limits.Rate{Items: 1, Burst: limits.Duration(10 * time.Second)}
	r := startLimited(t, c, limits.Config{Tenants: map[string]limits.Rates{"claimed/slow": {Traces: slow}}})
	client := httpTo(t, c.HTTPSocket)
	good, err := ptraceotlp.NewExportRequestFromTraces(spans("a", "b", "c", "d", "e", "f", "g", "h")).MarshalProto()
	must(t, err)
	broken := protowire.AppendBytes(protowire.AppendTag(nil, 2, protowire.BytesType), []byte{0xff}) // a span
	for _, field := range []protowire.Number{2, 1} {
		broken = protowire.AppendBytes(protowire.AppendTag(nil, field, protowire.BytesType), broken)
	}
	if got := tell(t, client, "/v1/traces", "slow", broken); got.code != http.StatusBadRequest {
		t.Errorf("with room, what cannot be decoded is answered %d %q", got.code, got.body)
	}
	if got := tell(t, client, "/v1/traces", "slow", good); got.code != http.StatusOK {
		t.Errorf("with room: %d %q", got.code, got.body)
	}
	for _, body := range [][]byte{append(good, broken...), good} {
		if got := tell(t, client, "/v1/traces", "slow", body); got.code != http.StatusTooManyRequests || got.header.Get("Retry-After") == "" {
			t.Errorf("%d, Retry-After %q, %q", got.code, got.header.Get("Retry-After"), got.body)
		}
	}
	until(t, "what was taken is stored", func() bool { return r.traces().Stored == 8 })
	if p := r.traces(); p.Received != 8 || p.RefusedFor["tenant-items"] != 17 {
		t.Errorf("%+v", p)
	}
}

// Requests are decoded as far as there is room for them; one that is larger than that is
// decoded alone.
func TestRequestsWaitForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFront(admit.New(limits.Default()), account.New())
		ctx, cancel := context.WithCancel(t.Context())
		of := func(size int) *body {
			return &body{
				ReadCloser: io.NopCloser(bytes.NewReader(make([]byte, size))), front: f, exchange: &exchange{},
				request: (&http.Request{}).WithContext(ctx),
			}
		}
		first, second, third := of(inFlight), of(inFlight/decoded), of(1)
		_, err := io.ReadAll(first)
		must(t, err)
		done := make(chan error, 2)
		for _, b := range []*body{second, third} {
			go func() { _, err := io.ReadAll(b); done <- err }()
		}
		synctest.Wait()
		if len(done) > 0 {
			t.Error("more is decoded than there is room for")
		}
		first.release()
		synctest.Wait()
		must(t, <-done)
		cancel()
		synctest.Wait()
		if len(done) != 1 {
			t.Fatal("who went away waits on")
		}
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("who went away is told %v", err)
		}
		second.release()
		third.release()
		if !f.room.TryAcquire(inFlight) || f.intake.all != 0 {
			t.Error("room is lost")
		}
	})
}

// What is read or waits is bounded: what does not fit is refused and counted, by each
// protocol's own words, and taken when it comes again.
func TestNoRoomToWait(t *testing.T) {
	c := testConfig(t, t.TempDir())
	c.ZipkinSocket = filepath.Join(filepath.Dir(c.HTTPSocket), "z")
	r := start(t, c)
	proto, err := ptraceotlp.NewExportRequestFromTraces(spans("a", "b")).MarshalProto()
	must(t, err)
	json, err := ptraceotlp.NewExportRequestFromTraces(spans("c")).MarshalJSON()
	must(t, err)
	zipkin := []byte(`[{"traceId":"0af7651916cd43dd8448eb211c80319c","id":"b7ad6b7169203331","name":"d"}]`)
	requests := []struct {
		socket, path string
		body         []byte
	}{{c.HTTPSocket, "/v1/traces", proto}, {c.HTTPSocket, "/v1/traces", json}, {c.ZipkinSocket, "/api/v2/spans", zipkin}}
	fill := func() {
		for _, other := range []string{"one", "another"} {
			if !r.front.intake.take(other, waiting/2) {
				t.Fatal("there is no room to fill")
			}
		}
	}
	fill()
	for _, q := range requests {
		got := tell(t, httpTo(t, q.socket), q.path, "", q.body)
		if got.code != http.StatusServiceUnavailable || got.header.Get("Retry-After") != "1" || !bytes.Contains(got.body, []byte("more than 64 MiB")) {
			t.Errorf("%s without room: %d, Retry-After %q, %q", q.path, got.code, got.header.Get("Retry-After"), got.body)
		}
	}
	if p := r.traces(); p.Received != 0 || p.Refused != 4 || p.RefusedFor[noRoom] != 4 {
		t.Errorf("%+v", p)
	}
	r.front.intake.release("one", waiting/2)
	r.front.intake.release("another", waiting/2)
	for _, q := range requests {
		if got := tell(t, httpTo(t, q.socket), q.path, "", q.body); got.code >= http.StatusBadRequest {
			t.Errorf("%s with room: %d %q", q.path, got.code, got.body)
		}
	}
	until(t, "all are stored", func() bool { return r.traces().Stored == 4 })
	fill() // no room is lost
}

// A body has its part of the room for as long as it is read or waits, and no longer.
func TestRoomOfABody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFront(admit.New(limits.Default()), account.New())
		f.intake = newIntake(100)
		must(t, f.room.Acquire(t.Context(), inFlight))
		x := &exchange{}
		read := func(tenant string, size int) (*body, chan error) {
			b := &body{
				ReadCloser: io.NopCloser(bytes.NewReader(make([]byte, size))), front: f, exchange: x, tenant: tenant, signal: account.Logs,
				request: (&http.Request{}).WithContext(t.Context()),
			}
			done := make(chan error, 1)
			go func() { _, err := io.ReadAll(b); done <- err }()
			synctest.Wait()
			return b, done
		}
		first, waits := read("a", 60)
		second, refused := read("b", 50)
		if err := <-refused; status.Code(err) != codes.Unavailable || x.sender.Bytes != 110 {
			t.Errorf("what does not fit is told %v, %d bytes are read of both", err, x.sender.Bytes)
		}
		second.release()
		fourth, tooMuch := read("a", 16)
		if err := <-tooMuch; status.Code(err) != codes.Unavailable {
			t.Errorf("one tenant's more than three quarters of all is told %v", err)
		}
		fourth.release()
		third, waitsToo := read("b", 40)
		f.room.Release(inFlight)
		must(t, <-waits)
		must(t, <-waitsToo)
		if f.intake.all != 0 || len(f.intake.held) > 0 {
			t.Error("what is decoded waits no more and has room")
		}
		first.release()
		third.release()
		if !f.room.TryAcquire(inFlight) {
			t.Error("room is lost")
		}
	})
}

// A request that is refused for want of room, or whose sender goes while it waits, costs its
// tenant nothing.
func TestNoRoomCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := limits.Rate{Items: 2, Burst: limits.Duration(time.Second)}
		most := limits.Config{Tenants: map[string]limits.Rates{"shop": {Traces: slow}}}
		f := newFront(admit.New(most.WithDefaults()), account.New())
		message, err := ptraceotlp.NewExportRequestFromTraces(spans("a", "b")).MarshalProto()
		must(t, err)
		ctx, leave := context.WithCancel(t.Context())
		read := func(ctx context.Context) (*body, error) {
			b := &body{
				ReadCloser: io.NopCloser(bytes.NewReader(message)), request: (&http.Request{}).WithContext(ctx), front: f,
				exchange: &exchange{sender: admit.Sender{Namespace: "shop"}}, signal: account.Traces, tally: &tally{path: paths["traces"]},
			}
			_, err := io.ReadAll(b)
			return b, err
		}
		f.intake = newIntake(0)
		b, err := read(ctx)
		if status.Code(err) != codes.Unavailable {
			t.Errorf("without room to wait: %v", err)
		}
		b.release()
		f.intake = newIntake(waiting)

		must(t, f.room.Acquire(ctx, inFlight))
		left := make(chan error)
		go func() {
			b, err := read(ctx)
			b.release()
			left <- err
		}()
		synctest.Wait()
		if got := f.admission.Tenants(); len(got) != 1 || got[0].Taken != 2 {
			t.Errorf("while it waits: %+v", got)
		}
		leave()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("who goes is told %v", err)
		}
		f.room.Release(inFlight)
		if got := f.admission.Tenants(); len(got) != 1 || got[0].Taken != 0 || got[0].TakenBytes != 0 {
			t.Errorf("in the tenant's books: %+v", got)
		}
		b, err = read(t.Context())
		must(t, err)
		b.release()
	})
}

// A request that is refused by who stands before admission, or whom the queue refuses after it,
// costs its tenant nothing.
func TestRefusedLaterCostsNothing(t *testing.T) {
	f := newFront(admit.New(limits.Default()), account.New())
	message, err := ptraceotlp.NewExportRequestFromTraces(spans("a", "b")).MarshalProto()
	must(t, err)
	for name, handler := range map[string]http.HandlerFunc{
		"the memory limiter": func(http.ResponseWriter, *http.Request) {},
		"the queue": func(_ http.ResponseWriter, r *http.Request) {
			full := admitTraces{admission{admission: f.admission, ledger: f.ledger}, consumertest.NewErr(errors.New("full"))}
			if err := full.ConsumeTraces(r.Context(), spans("a", "b")); err == nil {
				t.Error("the queue is not full")
			}
		},
	} {
		wrap, err := f.GetHTTPHandler(t.Context())
		must(t, err)
		h, err := wrap(t.Context(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, err := io.ReadAll(r.Body)
			must(t, err)
			if got := f.admission.Tenants(); len(got) != 1 || got[0].Taken != 2 {
				t.Errorf("%s: once it is read: %+v", name, got)
			}
			handler(w, r)
		}))
		must(t, err)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/traces", bytes.NewReader(message))
		r.Header.Set("Content-Type", protobuf)
		r.Header.Set(orgID, "shop")
		h.ServeHTTP(httptest.NewRecorder(), r)
		if got := f.admission.Tenants(); got[0].Taken != 0 || got[0].TakenBytes != 0 {
			t.Errorf("%s: %+v", name, got[0])
		}
	}
}

// A body that stalls gives up its room; one that came may wait for longer.
func TestStalledBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFront(admit.New(limits.Default()), account.New())
		wrap, err := f.GetHTTPHandler(t.Context())
		must(t, err)
		handler, err := wrap(t.Context(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.ReadAll(r.Body); err != nil {
				w.WriteHeader(http.StatusBadRequest)
			}
		}))
		must(t, err)
		here, there := net.Pipe()
		server := &http.Server{Handler: handler}
		served := make(chan error, 1)
		go func() { served <- server.Serve(&oneConn{conn: there, closed: make(chan struct{})}) }()
		answers := bufio.NewReader(here)
		send := func(s string) (status int, again string) {
			_, err := io.WriteString(here, "POST /api/v2/spans HTTP/1.1\r\nHost: c\r\nContent-Type: application/x-protobuf\r\nContent-Length: 10\r\n\r\n"+s)
			must(t, err)
			resp, err := http.ReadResponse(answers, nil)
			must(t, err)
			_, err = io.Copy(io.Discard, resp.Body)
			must(t, err)
			must(t, resp.Body.Close())
			return resp.StatusCode, resp.Header.Get("Retry-After")
		}
		must(t, f.room.Acquire(t.Context(), inFlight))
		time.AfterFunc(3*readTime, func() { f.room.Release(inFlight) })
		if got, _ := send("0123456789"); got != http.StatusOK {
			t.Errorf("one that waited long is answered %d", got)
		}
		begun := time.Now()
		if got, again := send("01234"); got != http.StatusServiceUnavailable || again != "1" {
			t.Errorf("one that stalled is answered %d, Retry-After %q", got, again)
		}
		if took := time.Since(begun); took != readTime {
			t.Errorf("after %s", took)
		}
		if p := f.ledger.Accounting()[0]; p.RefusedFor[stalled] != 1 {
			t.Errorf("in the books: %+v", p)
		}
		must(t, server.Close())
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
		synctest.Wait()
		if f.intake.all != 0 {
			t.Error("room is lost")
		}
	})
}

// oneConn is a listener of one connection.
type oneConn struct {
	conn   net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *oneConn) Accept() (net.Conn, error) {
	if c := l.conn; c != nil {
		l.conn = nil
		return c, nil
	}
	<-l.closed
	return nil, net.ErrClosed
}

func (l *oneConn) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (*oneConn) Addr() net.Addr { return &net.UnixAddr{} }
