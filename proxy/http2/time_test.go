package http2

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
)

// bubbled starts a server over a pipe inside a bubble of fake time, and says how it ended.
func bubbled(t *testing.T, h Handler) (far net.Conn, ended chan error) {
	t.Helper()
	near, far := net.Pipe()
	s := NewServerConn(near, h)
	ended = make(chan error, 1)
	go func() {
		ended <- s.Serve(context.Background())
		near.Close()
	}()
	return far, ended
}

// within waits for the end and reports when it came.
func within(t *testing.T, ended <-chan error, least, most time.Duration) error {
	t.Helper()
	begun := time.Now()
	err := <-ended
	if took := time.Since(begun); took < least || took > most {
		t.Errorf("ended after %v (%v), want %v to %v", took, err, least, most)
	}
	return err
}

func TestClientThatSendsNoPreface(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		far, ended := bubbled(t, echo)
		defer far.Close()
		if err := within(t, ended, prefaceTime, prefaceTime); err == nil {
			t.Error("no error")
		}
	})
}

func TestHeaderBlockThatIsNotFinished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		far, ended := bubbled(t, echo)
		p := newPeer(t, far)
		p.collect()
		io.WriteString(far, http2.ClientPreface) //nolint:errcheck // the server tells
		p.try(p.fr.WriteSettings())
		p.try(p.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: p.fields(request("GET")...)}))
		if err := within(t, ended, blockTime, blockTime+2*tickEvery); !errors.Is(err, errSlowBlock) {
			t.Error(err)
		}
	})
}

// A client that reads nothing is not written to for ever.
func TestClientThatReadsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		far, ended := bubbled(t, echo)
		defer far.Close()
		io.WriteString(far, http2.ClientPreface) //nolint:errcheck // the server tells
		if err := within(t, ended, writeTime, writeTime+2*tickEvery); !errors.Is(err, errStuck) {
			t.Error(err)
		}
	})
}

// A client that opens no window loses the stream, not the connection.
func TestWindowThatStaysClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		over := make(chan error, 1)
		far, _ := bubbled(t, func(s *Stream) {
			defer s.Close()
			w := NewWaker()
			s.SetWaker(w)
			s.Answer(&Head{Status: 200, Length: -1})
			for left := make([]byte, 2*initialWindow); s.Err() == nil; <-w {
				left = left[s.Send(left):]
				s.Flush()
			}
			over <- s.Err()
		})
		p := newPeer(t, far)
		p.collect()
		io.WriteString(far, http2.ClientPreface) //nolint:errcheck // the server tells
		p.try(p.fr.WriteSettings())
		p.headers(1, true, request("GET")...)
		if err := within(t, over, stallTime, stallTime+2*tickEvery); !errors.Is(err, ErrStalled) {
			t.Error(err)
		}
		p.try(p.fr.WritePing(false, [8]byte{})) // it is there
		synctest.Wait()
	})
}

// serverPipe is a client with the server's end of its one connection.
func serverPipe(t *testing.T, cfg ClientConfig) (*Client, *peer) {
	t.Helper()
	near, far := net.Pipe()
	c := NewClient(cfg, func(context.Context) (net.Conn, error) { return near, nil })
	p := newPeer(t, far)
	p.patience = time.Hour
	return c, p
}

func (p *peer) greet() {
	io.ReadFull(p.nc, make([]byte, len(http2.ClientPreface))) //nolint:errcheck // the next read tells
	p.collect()
	p.try(p.fr.WriteSettings())
}

func TestServerThatSendsNoSettings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := serverPipe(t, ClientConfig{})
		p.collect()
		begun := time.Now()
		if _, err := c.OpenOnly(t.Context(), get("/"), NewWaker()); !errors.Is(err, ErrConnect) || time.Since(begun) != greetTime {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		c.Close()
	})
}

// An idle connection is asked whether the peer is there, and ended if it does not say.
func TestPeerThatHasGoneSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := serverPipe(t, ClientConfig{KeepAlive: 15 * time.Second})
		go p.greet()
		s, err := c.OpenOnly(t.Context(), get("/"), NewWaker())
		if err != nil {
			t.Fatal(err)
		}
		s.Flush()
		ping := p.await(http2.FramePing)
		p.try(p.fr.WritePing(true, [8]byte(ping.payload))) // it is
		begun := time.Now()
		p.await(http2.FramePing) // and is not any more
		if _, err := await(t, s); err == nil {
			t.Error("no error")
		}
		if took := time.Since(begun); took < 20*time.Second || took > 20*time.Second+4*tickEvery {
			t.Errorf("ended after %v", took)
		}
		s.Close()
		c.Close()
	})
}

func TestConnectionThatNobodyUses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := serverPipe(t, ClientConfig{Idle: time.Minute})
		go p.greet()
		s, err := c.OpenOnly(t.Context(), get("/"), NewWaker())
		if err != nil {
			t.Fatal(err)
		}
		s.Flush()
		p.await(http2.FrameHeaders)
		p.headers(1, true, ":status", "204")
		s.Close()
		begun := time.Now()
		if f := p.await(http2.FrameGoAway); f.code != NoError {
			t.Errorf("%+v", f)
		}
		if took := time.Since(begun); took < time.Minute || took > time.Minute+2*tickEvery {
			t.Errorf("after %v", took)
		}
		p.ended()
		c.Close()
	})
}
