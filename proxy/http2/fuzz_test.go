package http2

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

// script is a connection whose other side says what it says whatever it is told. What
// stands behind the gate is said when that is open.
type script struct {
	net.Conn // nil: only what is below is called

	first, rest *bytes.Reader
	gate        <-chan struct{}
	once        sync.Once
	closed      chan struct{}
}

func newScript(first, rest []byte, gate <-chan struct{}) *script {
	return &script{first: bytes.NewReader(first), rest: bytes.NewReader(rest), gate: gate, closed: make(chan struct{})}
}

func (s *script) Read(p []byte) (int, error) {
	if n, err := s.first.Read(p); err == nil {
		return n, nil
	}
	select {
	case <-s.gate:
		return s.rest.Read(p)
	case <-s.closed:
		return 0, net.ErrClosed
	}
}

func (s *script) Write(p []byte) (int, error) {
	select {
	case <-s.closed:
		return 0, net.ErrClosed
	default:
		return len(p), nil
	}
}

func (s *script) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

func (*script) SetDeadline(time.Time) error      { return nil }
func (*script) SetReadDeadline(time.Time) error  { return nil }
func (*script) SetWriteDeadline(time.Time) error { return nil }

// frames are what a well-behaved peer may send, to start from.
func frames(f *testing.F, write func(fr *http2.Framer, fields func(...string) []byte)) {
	f.Helper()
	var b bytes.Buffer
	p := newPeer(new(testing.T), nil)
	write(http2.NewFramer(&b, nil), p.fields)
	f.Add(b.Bytes())
}

func FuzzFramesIntoServer(f *testing.F) {
	frames(f, func(fr *http2.Framer, fields func(...string) []byte) {
		fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 10})                                                              //nolint:errcheck // into memory
		fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: fields(request("POST", "content-length", "5")...), EndHeaders: true}) //nolint:errcheck // as above
		fr.WriteDataPadded(1, true, []byte("hello"), make([]byte, 3))                                                                             //nolint:errcheck // as above
		fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, BlockFragment: fields(request("GET", "cookie", "a=b")...), EndStream: true})         //nolint:errcheck // as above
		fr.WriteContinuation(3, true, fields("x-a", "b"))                                                                                         //nolint:errcheck // as above
		fr.WriteWindowUpdate(1, 100)                                                                                                              //nolint:errcheck // as above
		fr.WriteRSTStream(3, http2.ErrCodeCancel)                                                                                                 //nolint:errcheck // as above
		fr.WritePing(false, [8]byte{1})                                                                                                           //nolint:errcheck // as above
		fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 5, BlockFragment: fields(request("POST")...), EndHeaders: true})                        //nolint:errcheck // as above
		fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 5, BlockFragment: fields("x-sum", "1"), EndHeaders: true, EndStream: true})             //nolint:errcheck // as above
		fr.WriteGoAway(0, http2.ErrCodeNo, nil)                                                                                                   //nolint:errcheck // as above
	})
	open := make(chan struct{})
	close(open)
	f.Fuzz(func(_ *testing.T, in []byte) {
		nc := newScript([]byte(http2.ClientPreface), in, open)
		s := NewServerConn(nc, echo)
		s.Serve(context.Background()) //nolint:errcheck // any error will do
		nc.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.streams) > 0 || s.heads != 0 {
			panic("streams are left")
		}
	})
}

func FuzzFramesIntoClient(f *testing.F) {
	frames(f, func(fr *http2.Framer, fields func(...string) []byte) {
		fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: fields(":status", "103", "link", "x"), EndHeaders: true})           //nolint:errcheck // into memory
		fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: fields(":status", "200", "content-length", "5"), EndHeaders: true}) //nolint:errcheck // as above
		fr.WriteData(1, false, []byte("hello"))                                                                                                 //nolint:errcheck // as above
		fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: fields("grpc-status", "0"), EndHeaders: true, EndStream: true})     //nolint:errcheck // as above
		fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, BlockFragment: fields(":status", "204"), EndHeaders: true, EndStream: true})       //nolint:errcheck // as above
		fr.WriteGoAway(3, http2.ErrCodeNo, []byte("bye"))                                                                                       //nolint:errcheck // as above
	})
	var hello bytes.Buffer
	http2.NewFramer(&hello, nil).WriteSettings() //nolint:errcheck // into memory
	f.Fuzz(func(t *testing.T, in []byte) {
		gate := make(chan struct{})
		c := NewClient(ClientConfig{}, func(context.Context) (net.Conn, error) { return newScript(hello.Bytes(), in, gate), nil })
		a, b := open(t, c, get("/a")), open(t, c, get("/b"))
		close(gate)
		for _, s := range []*Stream{a, b} { // the script ends: so must they
			if _, err := rest(t, s); err == nil && s.Head() == nil {
				t.Error("an answer without a head")
			}
			s.Close()
		}
		c.Close()
	})
}

func FuzzHeads(f *testing.F) {
	p := newPeer(new(testing.T), nil)
	f.Add(p.fields(request("GET", "a", "b")...), uint8(requestHead))
	f.Add(p.fields(":status", "200", "content-length", "7"), uint8(responseHead))
	f.Add(p.fields("x-sum", "1"), uint8(trailers))
	f.Fuzz(func(t *testing.T, in []byte, k uint8) {
		var b block
		b.init()
		b.begin(kind(k % 3))
		if b.fragment(in) != nil || b.end() != nil || b.bad != nil || b.tooLarge {
			return
		}
		for _, field := range b.head.Fields {
			if bytes.ContainsAny([]byte(field.Name+field.Value), "\r\n\x00") || field.Name == "" || field.Name[0] == ':' {
				t.Errorf("field %q: %q", field.Name, field.Value)
			}
		}
		for _, part := range []string{b.head.Method, b.head.Path, b.head.Authority, b.head.Scheme} {
			if bytes.ContainsAny([]byte(part), " \r\n\x00") {
				t.Errorf("head %+v", b.head)
			}
		}
	})
}

var _ io.ReadWriteCloser = (*script)(nil)
