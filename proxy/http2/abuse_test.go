package http2

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/net/http2"
)

// hold waits for the test, or for the end of the stream.
func hold(s *Stream, release <-chan struct{}) {
	select {
	case <-release:
	case <-s.Context().Done():
	}
}

// flood is something that a peer does over and over, in vain, until the connection ends.
// The limit is far above what it should take: a busy machine is slow about it, while the
// server forgives so much a second.
func flood(t *testing.T, p *peer, limit int, once func(i int) error) {
	t.Helper()
	for i := range limit {
		if err := once(i); err != nil {
			break // it has closed already
		}
	}
	if f := p.await(http2.FrameGoAway); f.code != http2.ErrCodeEnhanceYourCalm {
		t.Errorf("GOAWAY %v %s", f.code, f.payload)
	}
	p.ended()
}

func TestServerEndsFloods(t *testing.T) {
	for name, once := range map[string]func(p *peer, i int) error{
		"rapid reset": func(p *peer, i int) error {
			id := uint32(2*i + 3)
			p.headers(id, false, request("GET")...)
			return p.fr.WriteRSTStream(id, http2.ErrCodeCancel)
		},
		"malformed requests": func(p *peer, i int) error {
			id := uint32(2*i + 3)
			return p.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: []byte{0x82}, EndHeaders: true, EndStream: true})
		},
		"settings":     func(p *peer, _ int) error { return p.fr.WriteSettings() },
		"settings ack": func(p *peer, _ int) error { return p.fr.WriteSettingsAck() },
		"ping":         func(p *peer, _ int) error { return p.fr.WritePing(false, [8]byte{}) },
		"ping ack":     func(p *peer, _ int) error { return p.fr.WritePing(true, [8]byte{}) },
		"empty data":   func(p *peer, _ int) error { return p.fr.WriteData(1, false, nil) },
		"padding only": func(p *peer, _ int) error { return p.fr.WriteDataPadded(1, false, nil, make([]byte, 1)) },
		"windows":      func(p *peer, _ int) error { return p.fr.WriteWindowUpdate(0, 1) },
		"priority": func(p *peer, i int) error {
			return p.fr.WritePriority(uint32(2*i+1), http2.PriorityParam{Weight: 1})
		},
		"unknown frames": func(p *peer, _ int) error { return p.fr.WriteRawFrame(0xbe, 0, 0, nil) },
		"data for nobody": func(p *peer, _ int) error {
			return p.fr.WriteData(1, false, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			release := make(chan struct{})
			p, _ := serverAt(t, func(s *Stream) {
				if s.ID() == 1 {
					hold(s, release)
				}
				s.Close()
			})
			defer close(release)
			p.headers(1, false, request("POST")...)
			flood(t, p, 50*maxChatter, func(i int) error { return once(p, i) })
		})
	}
}

// The same frames among requests that get somewhere are as they should be.
func TestServerBearsWhatBusyClientsSend(t *testing.T) {
	p, _ := serverAt(t, echo)
	for i := range uint32(2 * maxChatter) {
		id := 2*i + 1
		p.headers(id, false, request("POST")...)
		p.try(p.fr.WriteData(id, true, []byte("x")))
		p.try(p.fr.WritePing(false, [8]byte{}))
		p.try(p.fr.WriteWindowUpdate(0, 1))
		p.await(http2.FrameData)
	}
}

func TestHeaderBlocksWithoutEnd(t *testing.T) {
	for name, fragment := range map[string][]byte{"empty": nil, "bytes": make([]byte, 16000)} {
		t.Run(name, func(t *testing.T) {
			p, _ := serverAt(t, echo)
			p.try(p.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: p.fields(request("GET")...), EndStream: true}))
			one := p.fields("x-a", "b")
			flood(t, p, 2*maxContinuations, func(int) error {
				if fragment == nil {
					return p.fr.WriteContinuation(1, false, nil)
				}
				return p.fr.WriteContinuation(1, false, []byte(strings.Repeat(string(one), len(fragment)/len(one))))
			})
		})
	}
}

// A head somewhat too large is the request's matter; one that decompresses to far more
// is the connection's.
func TestLargeHeads(t *testing.T) {
	tooLarge := make(chan bool, 1)
	p, _ := serverAt(t, func(s *Stream) {
		defer s.Close()
		tooLarge <- s.TooLarge()
		s.AnswerOnly(&Head{Status: 431, Length: -1})
		s.Flush()
	})
	fields := request("GET")
	for i := range 10 {
		fields = append(fields, fmt.Sprint("x-", i), strings.Repeat("v", 7<<10))
	}
	p.headers(1, true, fields...)
	if f := p.await(http2.FrameHeaders); f.fields[0].Value != "431" || !<-tooLarge {
		t.Errorf("answer %v", f.fields)
	}
	p.headers(3, true, request("GET")...) // the tables are as they should be
	if f := p.await(http2.FrameHeaders); f.StreamID != 3 || <-tooLarge {
		t.Errorf("answer %v", f.fields)
	}
}

// Heads that refer to one large field of the table over and over are bounded, too.
func TestHeaderBomb(t *testing.T) {
	large := make(chan bool, 1)
	p, _ := serverAt(t, func(s *Stream) {
		defer s.Close()
		large <- s.TooLarge()
	})
	block := p.fields(append(request("GET"), "x-a", strings.Repeat("v", 3000))...)
	again := p.fields("x-a", strings.Repeat("v", 3000)) // one byte by now
	if len(again) != 1 {
		t.Fatalf("%d bytes", len(again))
	}
	block = append(block, strings.Repeat(string(again), 10000)...)
	p.try(p.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block, EndHeaders: true, EndStream: true}))
	if !<-large {
		t.Error("it was taken")
	}
}

func TestStreamsBeyondTheLimitAreRefused(t *testing.T) {
	release := make(chan struct{})
	p, _ := serverAt(t, func(s *Stream) {
		<-release
		echo(s)
	})
	for i := range uint32(maxStreams + 1) {
		p.headers(2*i+1, true, request("GET")...)
	}
	if f := p.await(http2.FrameRSTStream); f.StreamID != 2*maxStreams+1 || f.code != http2.ErrCodeRefusedStream {
		t.Errorf("%+v", f)
	}
	close(release)
	for range maxStreams {
		p.await(http2.FrameHeaders)
	}
}

func TestHeadsOfAllStreamsAreBounded(t *testing.T) {
	release := make(chan struct{})
	p, _ := serverAt(t, func(s *Stream) {
		hold(s, release)
		s.Close()
	})
	defer close(release)
	large := strings.Repeat("v", 15000)
	for i := range uint32(maxOpenHeads/15000 + 1) {
		p.headers(2*i+1, true, request("GET", "x-large", large)...)
	}
	if f := p.await(http2.FrameRSTStream); f.code != http2.ErrCodeRefusedStream {
		t.Errorf("%+v", f)
	}
}

func TestWindowsAreKeptTo(t *testing.T) {
	for name, send := range map[string]struct {
		streams int
		code    http2.ErrCode
		frame   http2.FrameType
	}{
		"stream":     {1, http2.ErrCodeFlowControl, http2.FrameRSTStream},
		"connection": {connectionWindow/streamWindow + 1, http2.ErrCodeFlowControl, http2.FrameGoAway},
	} {
		t.Run(name, func(t *testing.T) {
			release := make(chan struct{})
			p, _ := serverAt(t, func(s *Stream) { hold(s, release); s.Close() }) // takes nothing
			defer close(release)
			for i := range send.streams {
				id := uint32(2*i + 1)
				p.headers(id, false, request("POST")...)
				for range streamWindow / maxFrame {
					p.try(p.fr.WriteData(id, false, make([]byte, maxFrame)))
				}
			}
			if send.streams == 1 {
				p.try(p.fr.WriteData(1, false, []byte("x")))
			}
			if f := p.await(send.frame); f.code != send.code {
				t.Errorf("%+v", f)
			}
		})
	}
}

// What is not taken when a stream is closed does not shrink the connection's window.
func TestClosedStreamsGiveTheWindowBack(t *testing.T) {
	p, _ := serverAt(t, func(s *Stream) { s.Close() })
	opened := int(0)
	for i := range uint32(3 * connectionWindow / streamWindow) {
		id := 2*i + 1
		p.headers(id, false, request("POST")...)
		for range streamWindow / maxFrame {
			p.try(p.fr.WriteData(id, false, make([]byte, maxFrame)))
		}
		for opened < int(i+1)*streamWindow-connectionWindow/2 {
			f := p.await(http2.FrameWindowUpdate)
			if f.StreamID == 0 {
				opened += int(f.n)
			}
		}
	}
}
