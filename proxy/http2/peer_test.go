package http2

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// peer is the other end of a connection, played frame by frame. What it reads is
// collected by a goroutine, so that the engine never waits for it.
type peer struct {
	*testing.T
	nc       net.Conn
	fr       *http2.Framer
	enc      *hpack.Encoder
	block    bytes.Buffer
	dec      *hpack.Decoder
	patience time.Duration
	frames   chan any // what was read, copied; closed at the end
	err      error    // after that
}

// seen is a frame that the peer has read.
type seen struct {
	http2.FrameHeader
	payload []byte
	fields  []hpack.HeaderField // of HEADERS
	code    http2.ErrCode       // of RST_STREAM and GOAWAY
	last    uint32              // of GOAWAY
	n       uint32              // of WINDOW_UPDATE
}

func newPeer(t *testing.T, nc net.Conn) *peer {
	t.Helper()
	p := &peer{T: t, nc: nc, patience: time.Minute, frames: make(chan any, 10000)}
	p.fr = http2.NewFramer(nc, nc)
	p.fr.AllowIllegalWrites = true
	p.enc = hpack.NewEncoder(&p.block)
	p.dec = hpack.NewDecoder(4096, nil)
	return p
}

// collect reads until the connection ends.
func (p *peer) collect() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(p.frames)
		for {
			f, err := p.fr.ReadFrame()
			if err != nil {
				p.err = err
				return
			}
			p.frames <- p.copy(f)
		}
	}()
	p.Cleanup(func() {
		p.nc.Close()
		<-done
	})
}

func (p *peer) copy(f http2.Frame) *seen {
	s := &seen{FrameHeader: f.Header()}
	switch f := f.(type) {
	case *http2.DataFrame:
		s.payload = bytes.Clone(f.Data())
	case *http2.HeadersFrame:
		s.fields, p.err = p.dec.DecodeFull(bytes.Clone(f.HeaderBlockFragment()))
	case *http2.RSTStreamFrame:
		s.code = f.ErrCode
	case *http2.GoAwayFrame:
		s.code, s.last, s.payload = f.ErrCode, f.LastStreamID, bytes.Clone(f.DebugData())
	case *http2.WindowUpdateFrame:
		s.n = f.Increment
	case *http2.PingFrame:
		s.payload = bytes.Clone(f.Data[:])
	}
	return s
}

// await returns the next frame of one of the types, and skips others.
func (p *peer) await(types ...http2.FrameType) *seen {
	p.Helper()
	late := time.After(p.patience)
	for {
		select {
		case f, ok := <-p.frames:
			if !ok {
				p.Fatalf("connection ended (%v) before %v", p.err, types)
			}
			s := f.(*seen)
			for _, t := range types {
				if s.Type == t && (t != http2.FrameSettings && t != http2.FramePing || s.Flags&1 == 0) {
					return s
				}
			}
		case <-late:
			p.Fatalf("no %v in time", types)
		}
	}
}

// ended waits for the end of the connection.
func (p *peer) ended() {
	p.Helper()
	late := time.After(p.patience)
	for {
		select {
		case _, ok := <-p.frames:
			if !ok {
				return
			}
		case <-late:
			p.Fatal("connection goes on")
		}
	}
}

// fields are a header block: names and values by turns.
func (p *peer) fields(nameValue ...string) []byte {
	p.block.Reset()
	for i := 0; i+1 < len(nameValue); i += 2 {
		p.enc.WriteField(hpack.HeaderField{Name: nameValue[i], Value: nameValue[i+1]}) //nolint:errcheck // into memory
	}
	return bytes.Clone(p.block.Bytes())
}

func (p *peer) headers(id uint32, end bool, nameValue ...string) {
	p.Helper()
	block := p.fields(nameValue...)
	n := min(len(block), maxFrame)
	p.try(p.fr.WriteHeaders(http2.HeadersFrameParam{
		StreamID: id, BlockFragment: block[:n], EndHeaders: n == len(block), EndStream: end,
	}))
	for block = block[n:]; len(block) > 0; block = block[n:] {
		n = min(len(block), maxFrame)
		p.try(p.fr.WriteContinuation(id, n == len(block), block[:n]))
	}
}

// request is the head of a request.
func request(method string, more ...string) []string {
	return append([]string{":method", method, ":scheme", "http", ":path", "/", ":authority", "reviews"}, more...)
}

// try fails the test on an error, unless the engine has ended the connection, which
// tests look at in what it sent.
func (p *peer) try(err error) {
	p.Helper()
	if err != nil {
		p.Logf("write: %v", err)
	}
}

// pipe is a connection with room in it, as sockets have.
func pipe(t *testing.T) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if far, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if near, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

// serverAt starts a server with the handler and returns a client to script, past the
// exchange of settings. The server's end is awaited at the end of the test.
func serverAt(t *testing.T, h Handler) (*peer, *ServerConn) {
	t.Helper()
	near, far := pipe(t)
	s := NewServerConn(near, h)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Serve(context.Background())                     //nolint:errcheck // tests look at what it sends
		near.(*net.TCPConn).CloseWrite()                  //nolint:errcheck // what was sent last is to be read
		near.SetReadDeadline(time.Now().Add(time.Second)) //nolint:errcheck // as above
		io.Copy(io.Discard, near)                         //nolint:errcheck // as above
		near.Close()
	}()
	t.Cleanup(func() { <-done })
	p := newPeer(t, far)
	p.collect()
	if _, err := io.WriteString(far, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	p.try(p.fr.WriteSettings())
	p.await(http2.FrameSettings)
	p.try(p.fr.WriteSettingsAck())
	return p, s
}

// clientAt makes a client whose connections the returned function plays the server of,
// past the exchange of settings.
func clientAt(t *testing.T, cfg ClientConfig, settings ...http2.Setting) (*Client, func() *peer) {
	t.Helper()
	accepted := make(chan net.Conn, 100)
	c := NewClient(cfg, func(context.Context) (net.Conn, error) {
		near, far := pipe(t)
		fr := http2.NewFramer(far, nil)
		if err := fr.WriteSettings(settings...); err != nil {
			return nil, err
		}
		accepted <- far
		return near, nil
	})
	t.Cleanup(c.Close)
	return c, func() *peer {
		t.Helper()
		far := <-accepted
		var preface [len(http2.ClientPreface)]byte
		if _, err := io.ReadFull(far, preface[:]); err != nil || string(preface[:]) != http2.ClientPreface {
			t.Fatalf("preface %q, %v", preface, err)
		}
		p := newPeer(t, far)
		p.collect()
		return p
	}
}

// echo answers with what it gets, trailers included.
func echo(s *Stream) {
	defer s.Close()
	w := NewWaker()
	s.SetWaker(w)
	if s.Malformed() != nil {
		s.Reset(ProtocolError)
		return
	}
	s.Answer(&Head{Status: 200, Length: -1, Fields: []Field{{Name: "x-path", Value: s.Head().Path}}})
	var p []byte
	for ended := false; ; {
		if len(p) == 0 && !ended {
			p, ended = s.Data()
		}
		n := s.Send(p)
		s.Took(n)
		p = p[n:]
		switch {
		case ended && len(p) == 0:
			if t := s.Trailers(); t != nil {
				s.SendTrailers(t)
				s.Flush()
				return
			}
			if _, done := s.SendLast(nil); done {
				s.Flush()
				return
			}
		case s.Err() != nil:
			return
		case n > 0:
			continue
		}
		s.Flush()
		<-w
	}
}
