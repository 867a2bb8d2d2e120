package http2

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
)

// served starts a server in a bubble and greets it.
func served(t *testing.T, h Handler) (*ServerConn, *peer) {
	t.Helper()
	near, far := net.Pipe()
	s := NewServerConn(near, h)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Serve(context.Background()) //nolint:errcheck // the peer ends it
		near.Close()
	}()
	p := newPeer(t, far)
	p.collect()
	t.Cleanup(func() {
		far.Close()
		<-ended
	})
	io.WriteString(far, http2.ClientPreface) //nolint:errcheck // the server tells
	p.try(p.fr.WriteSettings())
	synctest.Wait()
	return s, p
}

func TestWorkersAreKeptWhileThereIsWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		s, p := served(t, func(s *Stream) {
			<-hold
			s.AnswerOnly(&Head{Status: 200, Length: -1})
			s.Flush()
			s.Close()
		})
		id := uint32(1)
		// ask sends n requests at once and tells how many workers wait when they are answered.
		ask := func(n int) int32 {
			for range n {
				p.headers(id, true, request("GET")...)
				id += 2
			}
			synctest.Wait()
			for range n {
				hold <- struct{}{}
			}
			for range n {
				p.await(http2.FrameHeaders)
			}
			synctest.Wait()
			return s.workers.idle.Load()
		}
		for range 3 {
			if idle := ask(1); idle != 1 {
				t.Errorf("one request after the other: %d wait, want the same one", idle)
			}
		}
		if idle := ask(maxIdleWorkers + 10); idle != maxIdleWorkers {
			t.Errorf("many at once: %d wait, want %d", idle, maxIdleWorkers)
		}
		time.Sleep(tickEvery)
		synctest.Wait()
		if idle := s.workers.idle.Load(); idle != maxIdleWorkers/2 {
			t.Errorf("after a burst: %d wait, want %d", idle, maxIdleWorkers/2)
		}
		time.Sleep(2 * tickEvery)
		synctest.Wait()
		if idle := s.workers.idle.Load(); idle != 0 {
			t.Errorf("nothing to do for long: %d wait", idle)
		}
		if idle := ask(1); idle != 1 {
			t.Errorf("and then a request: %d wait", idle)
		}
	})
}

// A handler finds all that has come with the head of its request.
func TestHandlersFindWhatCameTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		found := make(chan bool, 100)
		_, p := served(t, func(s *Stream) {
			body, ended := s.Data()
			found <- ended && string(body) == "all of it"
			s.AnswerOnly(&Head{Status: 200, Length: -1})
			s.Flush()
			s.Close()
		})
		var together bytes.Buffer
		fr := http2.NewFramer(&together, nil)
		const requests = 20
		for i := range uint32(requests) {
			p.try(fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 2*i + 1, BlockFragment: p.fields(request("POST")...), EndHeaders: true}))
			p.try(fr.WriteData(2*i+1, true, []byte("all of it")))
		}
		if _, err := p.nc.Write(together.Bytes()); err != nil {
			t.Fatal(err)
		}
		for range requests {
			if !<-found {
				t.Error("a handler was started before the rest of its request was read")
			}
		}
	})
}
