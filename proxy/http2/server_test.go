package http2

import (
	"bytes"
	"strings"
	"testing"

	"golang.org/x/net/http2"
)

func TestServerEchoes(t *testing.T) {
	p, _ := serverAt(t, echo)
	for i := range uint32(50) {
		id := 2*i + 1
		p.headers(id, false, request("POST", "x-n", strings.Repeat("v", int(i)))...)
		p.try(p.fr.WriteDataPadded(id, false, []byte("hello "), make([]byte, 7)))
		p.try(p.fr.WriteData(id, false, []byte("world")))
		p.headers(id, true, "x-sum", "1")
		head := p.await(http2.FrameHeaders)
		if head.StreamID != id || head.fields[0].Value != "200" {
			t.Fatalf("head %+v", head)
		}
		var body []byte
		for {
			f := p.await(http2.FrameData, http2.FrameHeaders)
			if f.Type == http2.FrameHeaders {
				if f.fields[0].Name != "x-sum" || !f.Flags.Has(http2.FlagHeadersEndStream) {
					t.Errorf("trailers %+v", f)
				}
				break
			}
			body = append(body, f.payload...)
		}
		if string(body) != "hello world" {
			t.Errorf("body %q", body)
		}
	}
}

// The peer's windows are kept to, and this side's open as data is passed on.
func TestServerKeepsToWindows(t *testing.T) {
	p, _ := serverAt(t, echo)
	const size = 1 << 20
	p.headers(1, false, request("POST")...)
	sent, got, stream, conn, mine := 0, 0, initialWindow, initialWindow, streamWindow
	for got < size {
		for n := min(maxFrame, mine, size-sent); n > 0; n = min(maxFrame, mine, size-sent) {
			p.try(p.fr.WriteData(1, sent+n == size, make([]byte, n)))
			sent, mine = sent+n, mine-n
		}
		f := p.await(http2.FrameData, http2.FrameWindowUpdate)
		if f.Type == http2.FrameWindowUpdate {
			if f.StreamID == 1 {
				mine += int(f.n)
			}
			continue
		}
		n := len(f.payload)
		if got, stream, conn = got+n, stream-n, conn-n; stream < 0 || conn < 0 {
			t.Fatalf("%d bytes too much after %d", -min(stream, conn), got)
		}
		if stream < 1000 && got < size {
			p.try(p.fr.WriteWindowUpdate(1, 30000))
			p.try(p.fr.WriteWindowUpdate(0, 30000))
			stream, conn = stream+30000, conn+30000
		}
	}
}

// Both directions of a stream move while neither has ended.
func TestServerStreamsBothWays(t *testing.T) {
	p, _ := serverAt(t, echo)
	p.headers(1, false, request("POST")...)
	p.await(http2.FrameHeaders)
	for _, word := range []string{"one", "two", "three"} {
		p.try(p.fr.WriteData(1, false, []byte(word)))
		if f := p.await(http2.FrameData); string(f.payload) != word {
			t.Fatalf("got %q, want %q", f.payload, word)
		}
	}
}

func TestDrainTakesTwoSteps(t *testing.T) {
	handled := make(chan uint32, 10)
	release := make(chan struct{})
	p, s := serverAt(t, func(s *Stream) {
		handled <- s.ID()
		<-release
		echo(s)
	})
	p.headers(1, true, request("GET")...)
	<-handled
	s.Drain()
	s.Drain() // once is enough
	if f := p.await(http2.FrameGoAway); f.last != lastStreamAny || f.code != NoError {
		t.Errorf("first: last %d, %v", f.last, f.code)
	}
	ping := p.await(http2.FramePing)
	p.headers(3, true, request("GET")...) // crosses the first GOAWAY
	<-handled
	p.try(p.fr.WritePing(true, [8]byte(ping.payload)))
	if f := p.await(http2.FrameGoAway); f.last != 3 || f.code != NoError {
		t.Errorf("second: last %d, %v", f.last, f.code)
	}
	p.headers(5, true, request("GET")...) // too late: not handled
	close(release)
	answered := map[uint32]bool{}
	for range 2 {
		answered[p.await(http2.FrameHeaders).StreamID] = true
	}
	if !answered[1] || !answered[3] {
		t.Errorf("answered %v", answered)
	}
	p.ended()
	if len(handled) > 0 {
		t.Errorf("stream %d was handled", <-handled)
	}
}

// A client that does not answer pings is not waited for.
func TestDrainOfADeafClient(t *testing.T) {
	p, s := serverAt(t, echo)
	s.Drain()
	p.await(http2.FrameGoAway)
	if f := p.await(http2.FrameGoAway); f.last != 0 {
		t.Errorf("last %d", f.last)
	}
	p.ended()
}

func TestHeadsOfManyFrames(t *testing.T) {
	p, _ := serverAt(t, echo)
	block := p.fields(request("GET", "x-large", strings.Repeat("v", 30000))...)
	p.try(p.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block[:10], EndStream: true}))
	for rest := block[10:]; ; {
		n := min(len(rest), 5000)
		p.try(p.fr.WriteContinuation(1, n == len(rest), rest[:n]))
		if rest = rest[n:]; len(rest) == 0 {
			break
		}
	}
	if f := p.await(http2.FrameHeaders); f.fields[0].Value != "200" {
		t.Errorf("head %v", f.fields)
	}
}

// Both sides have ended a stream that its handler has not put away yet: it is closed all
// the same (RFC 9113, section 5.1).
func TestHeadersOnAStreamThatBothEnded(t *testing.T) {
	release := make(chan struct{})
	p, _ := serverAt(t, func(s *Stream) {
		defer s.Close()
		s.SendTrailers(&Head{Status: 200, Length: -1})
		s.Flush()
		<-release
	})
	defer close(release)
	p.headers(1, true, request("GET")...)
	p.await(http2.FrameHeaders)
	p.headers(1, true, request("GET")...)
	if f := p.await(http2.FrameGoAway, http2.FrameRSTStream); f.Type != http2.FrameGoAway || f.code != http2.ErrCodeStreamClosed {
		t.Errorf("answered with %v %v", f.Type, f.code)
	}
}

func TestPingAndSettingsAreAnswered(t *testing.T) {
	p, _ := serverAt(t, echo)
	p.try(p.fr.WritePing(false, [8]byte{1, 2, 3}))
	for {
		f := (<-p.frames).(*seen)
		if f.Type == http2.FramePing {
			if !f.Flags.Has(http2.FlagPingAck) || !bytes.Equal(f.payload, []byte{1, 2, 3, 0, 0, 0, 0, 0}) {
				t.Errorf("answer %+v", f)
			}
			return
		}
	}
}
