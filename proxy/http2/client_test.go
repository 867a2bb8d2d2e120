package http2

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

func get(path string) *Head {
	return &Head{Method: "GET", Scheme: "http", Path: path, Authority: "reviews", Length: -1}
}

func open(t *testing.T, c *Client, h *Head) *Stream {
	t.Helper()
	s, err := c.OpenOnly(t.Context(), h, NewWaker())
	if err != nil {
		t.Fatal(err)
	}
	s.Flush()
	t.Cleanup(s.Close)
	return s
}

// await waits until there is a head, or the stream has ended.
func await(t *testing.T, s *Stream) (*Head, error) {
	t.Helper()
	for {
		if h := s.Head(); h != nil {
			return h, nil
		}
		if err := s.Err(); err != nil {
			return nil, err
		}
		select {
		case <-s.Waker():
		case <-time.After(time.Minute):
			t.Fatal("no news")
		}
	}
}

// rest reads the answer's body to its end.
func rest(t *testing.T, s *Stream) (string, error) {
	t.Helper()
	var all []byte
	for {
		p, ended := s.Data()
		all = append(all, p...)
		s.Took(len(p))
		if ended {
			return string(all), nil
		}
		if len(p) > 0 {
			continue
		}
		if err := s.Err(); err != nil {
			return string(all), err
		}
		select {
		case <-s.Waker():
		case <-time.After(time.Minute):
			t.Fatal("no news")
		}
	}
}

func TestClientReadsAnswers(t *testing.T) {
	c, serve := clientAt(t, ClientConfig{})
	s := open(t, c, get("/a"))
	p := serve()
	head := p.await(http2.FrameHeaders)
	if head.StreamID != 1 || len(head.fields) != 4 || !head.Flags.Has(http2.FlagHeadersEndStream) {
		t.Errorf("request %+v", head)
	}
	p.headers(1, false, ":status", "103", "link", "</x>")
	p.headers(1, false, ":status", "200", "x-a", "b")
	p.try(p.fr.WriteData(1, false, []byte("hello")))
	p.headers(1, true, "x-sum", "1")
	h, err := await(t, s)
	if err != nil || h.Status != 200 || h.Get("x-a") != "b" {
		t.Fatalf("head %+v, %v", h, err)
	}
	if early := s.Interim(); early == nil || early.Status != 103 || early.Get("link") != "</x>" {
		t.Errorf("interim %+v", early)
	}
	if body, err := rest(t, s); body != "hello" || err != nil {
		t.Errorf("body %q, %v", body, err)
	}
	if tr := s.Trailers(); tr == nil || tr.Get("x-sum") != "1" {
		t.Errorf("trailers %+v", tr)
	}
}

// An answer that breaks a rule is nobody's but its stream's matter.
func TestClientRefusesMalformedAnswers(t *testing.T) {
	for name, answer := range map[string]func(p *peer, id uint32){
		"no status":         func(p *peer, id uint32) { p.headers(id, true, "x-a", "b") },
		"bad status":        func(p *peer, id uint32) { p.headers(id, true, ":status", "2000") },
		"switching":         func(p *peer, id uint32) { p.headers(id, false, ":status", "101") },
		"request's field":   func(p *peer, id uint32) { p.headers(id, true, ":status", "200", ":path", "/") },
		"connection field":  func(p *peer, id uint32) { p.headers(id, true, ":status", "200", "connection", "x") },
		"upper case":        func(p *peer, id uint32) { p.headers(id, true, ":status", "200", "X-A", "x") },
		"line feed":         func(p *peer, id uint32) { p.headers(id, true, ":status", "200", "x-a", "x\ny") },
		"too large":         func(p *peer, id uint32) { p.headers(id, true, ":status", "200", "x-a", strings.Repeat("x", 70<<10)) },
		"interim at an end": func(p *peer, id uint32) { p.headers(id, true, ":status", "100") },
		"two lengths": func(p *peer, id uint32) {
			p.headers(id, true, ":status", "200", "content-length", "0", "content-length", "0")
		},
		"short": func(p *peer, id uint32) {
			p.headers(id, true, ":status", "200", "content-length", "5")
		},
		"data first": func(p *peer, id uint32) { p.try(p.fr.WriteData(id, true, []byte("x"))) },
	} {
		t.Run(name, func(t *testing.T) {
			c, serve := clientAt(t, ClientConfig{})
			bad, good := open(t, c, get("/bad")), open(t, c, get("/good"))
			p := serve()
			answer(p, bad.ID())
			p.headers(good.ID(), true, ":status", "200")
			if h, err := await(t, good); err != nil || h.Status != 200 {
				t.Errorf("another stream: %v, %v", h, err)
			}
			if f := p.await(http2.FrameRSTStream); f.StreamID != bad.ID() || f.code != ProtocolError {
				t.Errorf("reset %+v", f)
			}
			if _, err := rest(t, bad); err == nil {
				t.Error("no error")
			} else if e, ok := errors.AsType[*StreamError](err); !ok || e.Remote || e.Lost || e.Unprocessed {
				t.Errorf("error %+v", err)
			}
		})
	}
}

// What has no body may say how long it would be.
func TestLengthWithoutABody(t *testing.T) {
	c, serve := clientAt(t, ClientConfig{})
	head := get("/")
	head.Method = "HEAD"
	s, unchanged := open(t, c, head), open(t, c, get("/"))
	p := serve()
	p.headers(s.ID(), true, ":status", "200", "content-length", "5")
	p.headers(unchanged.ID(), true, ":status", "304", "content-length", "5")
	for _, s := range []*Stream{s, unchanged} {
		if body, err := rest(t, s); body != "" || err != nil {
			t.Errorf("%q, %v", body, err)
		}
	}
}

// Requests that a peer says it has not processed are told apart from those it may have.
func TestUnprocessedRequests(t *testing.T) {
	c, serve := clientAt(t, ClientConfig{})
	refused, handled, cancelled, late := open(t, c, get("/1")), open(t, c, get("/2")), open(t, c, get("/3")), open(t, c, get("/4"))
	p := serve()
	p.try(p.fr.WriteRSTStream(refused.ID(), http2.ErrCodeRefusedStream))
	p.try(p.fr.WriteRSTStream(cancelled.ID(), http2.ErrCodeCancel))
	p.try(p.fr.WriteGoAway(cancelled.ID(), http2.ErrCodeNo, []byte("bye")))
	p.headers(handled.ID(), true, ":status", "200")
	for s, want := range map[*Stream]bool{refused: true, late: true, cancelled: false} {
		if _, err := await(t, s); err == nil || Refused(err) != want {
			t.Errorf("stream %d: %v, refused %v", s.ID(), err, Refused(err))
		}
	}
	if h, err := await(t, handled); err != nil || h.Status != 200 {
		t.Errorf("handled: %v, %v", h, err)
	}
	for _, s := range []*Stream{refused, handled, cancelled, late} {
		s.Close()
	}
	p.ended() // nothing is left for the connection to do
	next := open(t, c, get("/next"))
	p = serve()
	p.headers(next.ID(), true, ":status", "204")
	if h, err := await(t, next); err != nil || h.Status != 204 {
		t.Errorf("on the next connection: %v, %v", h, err)
	}
}

func TestFirstGoAwayLetsStreamsGoOn(t *testing.T) {
	c, serve := clientAt(t, ClientConfig{})
	first := open(t, c, get("/1"))
	p := serve()
	p.await(http2.FrameHeaders)
	p.try(p.fr.WriteGoAway(lastStreamAny, http2.ErrCodeNo, nil))
	p.try(p.fr.WritePing(false, [8]byte{}))
	for f := (<-p.frames).(*seen); f.Type != http2.FramePing; f = (<-p.frames).(*seen) {
		// the client has read the GOAWAY when it answers
	}
	second := open(t, c, get("/2"))
	other := serve()
	other.headers(second.ID(), true, ":status", "200")
	p.headers(first.ID(), true, ":status", "200")
	for _, s := range []*Stream{first, second} {
		if _, err := await(t, s); err != nil {
			t.Error(err)
		}
	}
}

// A peer's limit on streams is kept to by more connections, and their limit by waiting.
func TestManyStreamsNeedManyConnections(t *testing.T) {
	c, serve := clientAt(t, ClientConfig{Connections: 3, Pending: 1}, http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 2})
	var streams []*Stream
	for range 6 {
		streams = append(streams, open(t, c, get("/")))
	}
	if c.Connections() != 3 {
		t.Errorf("%d connections", c.Connections())
	}
	waiting := make(chan error, 1)
	go func() {
		s, err := c.OpenOnly(t.Context(), get("/"), NewWaker())
		if err == nil {
			s.Close()
		}
		waiting <- err
	}()
	for joined := false; !joined; {
		c.queue.mu.Lock()
		joined = len(c.queue.waiting) == 1
		c.queue.mu.Unlock()
	}
	if _, err := c.OpenOnly(t.Context(), get("/"), NewWaker()); !errors.Is(err, ErrOverflow) {
		t.Errorf("one more: %v", err)
	}
	streams[3].Close()
	if err := <-waiting; err != nil {
		t.Error(err)
	}
	for range 3 {
		serve()
	}
}

func TestWaitingEndsWithItsContext(t *testing.T) {
	c, serve := clientAt(t, ClientConfig{Connections: 1}, http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 1})
	open(t, c, get("/"))
	serve()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := c.OpenOnly(ctx, get("/"), NewWaker()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestLostConnectionEndsItsStreams(t *testing.T) {
	c, serve := clientAt(t, ClientConfig{})
	s := open(t, c, get("/"))
	p := serve()
	p.await(http2.FrameHeaders)
	p.nc.Close()
	_, err := await(t, s)
	if e, ok := errors.AsType[*StreamError](err); !ok || !e.Lost || e.Unprocessed {
		t.Errorf("got %v", err)
	}
}

// What answers the preface in another language is not HTTP/2, and neither is what
// hangs up on it; a port that nobody is at is neither.
func TestPeersThatDoNotSpeakIt(t *testing.T) {
	for name, say := range map[string]func(nc net.Conn){ // hanging up is told apart
		"http/1.1": func(nc net.Conn) {
			nc.Write([]byte("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")) //nolint:errcheck // the client tells
		},
		"hangs up":  func(nc net.Conn) { nc.Close() },
		"tls alert": func(nc net.Conn) { nc.Write([]byte{21, 3, 1, 0, 2, 2, 40, 0, 0}) }, //nolint:errcheck // as above
	} {
		t.Run(name, func(t *testing.T) {
			c := NewClient(ClientConfig{}, func(context.Context) (net.Conn, error) {
				near, far := pipe(t)
				say(far)
				return near, nil
			})
			defer c.Close()
			if _, err := c.OpenOnly(t.Context(), get("/"), NewWaker()); !errors.Is(err, want(name)) || errors.Is(err, ErrConnect) {
				t.Errorf("got %v", err)
			}
		})
	}
	refused := errors.New("refused")
	c := NewClient(ClientConfig{}, func(context.Context) (net.Conn, error) { return nil, refused })
	defer c.Close()
	if _, err := c.OpenOnly(t.Context(), get("/"), NewWaker()); !errors.Is(err, ErrConnect) || !errors.Is(err, refused) {
		t.Errorf("got %v", err)
	}
}

func want(name string) error {
	if name == "hangs up" {
		return ErrHungUp
	}
	return ErrNotSpoken
}

func TestCloseEndsADialInProgress(t *testing.T) {
	dialling := make(chan struct{})
	c := NewClient(ClientConfig{}, func(ctx context.Context) (net.Conn, error) {
		close(dialling)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	failed := make(chan error)
	go func() {
		_, err := c.OpenOnly(t.Context(), get("/"), NewWaker())
		failed <- err
	}()
	<-dialling
	c.Close()
	if err := <-failed; err == nil {
		t.Error("no error")
	}
	if _, err := c.OpenOnly(t.Context(), get("/"), NewWaker()); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed client: %v", err)
	}
}

func TestPushIsRefused(t *testing.T) {
	c, serve := clientAt(t, ClientConfig{})
	s := open(t, c, get("/"))
	p := serve()
	p.try(p.fr.WritePushPromise(http2.PushPromiseParam{StreamID: s.ID(), PromiseID: 2, BlockFragment: p.fields(request("GET")...), EndHeaders: true}))
	if f := p.await(http2.FrameGoAway); f.code != ProtocolError {
		t.Errorf("%v %s", f.code, f.payload)
	}
	if _, err := await(t, s); err == nil {
		t.Error("no error")
	}
}

func TestExtendedConnectOnlyWhereItIsTaken(t *testing.T) {
	h := get("/chat")
	h.Method, h.Protocol = "CONNECT", "websocket"
	c, _ := clientAt(t, ClientConfig{})
	if _, err := c.Open(t.Context(), h, NewWaker()); !errors.Is(err, ErrNoConnect) {
		t.Errorf("got %v", err)
	}
	c, serve := clientAt(t, ClientConfig{}, http2.Setting{ID: http2.SettingEnableConnectProtocol, Val: 1})
	s, err := c.Open(t.Context(), h, NewWaker())
	if err != nil {
		t.Fatal(err)
	}
	s.Flush()
	defer s.Close()
	p := serve()
	if f := p.await(http2.FrameHeaders); f.fields[4].Name != ":protocol" || f.fields[4].Value != "websocket" {
		t.Errorf("fields %v", f.fields)
	}
}
