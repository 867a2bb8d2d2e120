package push

import (
	"errors"
	"runtime"
	"testing"

	"connectrpc.com/connect"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/wire"
)

// reopened is a client whose stream is being made anew: the one it has, and the one that
// has said hello and awaits its first push.
func reopened(t *testing.T) (f *fixture, before, after *line) {
	t.Helper()
	f = start(t, "", "reviews")
	before = take(t, "stream", f.streams)
	before.push <- ofService(1, "reviews")
	take(t, "set", f.sets)
	hear(t, before, "ack", (*wire.SubscribeRequest).GetAck)
	f.Reopen()
	after = take(t, "second stream", f.streams)
	hear(t, after, "hello", (*wire.SubscribeRequest).GetHello)
	hear(t, after, "want", (*wire.SubscribeRequest).GetWant)
	return f, before, after
}

// A stream is made before the one it replaces ends: what comes on either is taken.
func TestStreamIsMadeAnewBeforeTheOldOneEnds(t *testing.T) {
	for name, end := range map[string]func(before *line){
		"by the client":        func(*line) {},
		"by the control plane": func(l *line) { l.end <- connect.NewError(connect.CodeAborted, errors.New("another stream")) },
	} {
		t.Run(name, func(t *testing.T) {
			f, before, after := reopened(t)
			before.push <- ofService(2, "reviews")
			if got := versions(take(t, "set on the old stream", f.sets)); got["reviews"] != 2 {
				t.Errorf("got %v", got)
			}
			hear(t, before, "ack", (*wire.SubscribeRequest).GetAck)
			end(before)
			after.push <- ofService(3, "reviews")
			if got := versions(take(t, "set on the new stream", f.sets)); got["reviews"] != 3 {
				t.Errorf("got %v", got)
			}
			if a := hear(t, after, "ack", (*wire.SubscribeRequest).GetAck); a.GetSequence() != 3 || !a.GetAccepted() {
				t.Errorf("ack: %v", a)
			}
			for m := take(t, "end of the old stream", before.said); m != nil; m = take(t, "end of the old stream", before.said) {
				if m.GetGoodbye() != nil {
					t.Error("it took leave of the mesh")
				}
			}
			if !f.Status().Connected || len(f.streams) != 0 {
				t.Errorf("%+v, and %d streams more", f.Status(), len(f.streams))
			}
			f.SetState(mesh.Ready)
			hear(t, after, "state", (*wire.SubscribeRequest).GetState)
			f.stop()
			hear(t, after, "goodbye", (*wire.SubscribeRequest).GetGoodbye)
		})
	}
}

// One that is not taken on leaves the one there is alone.
func TestStreamStaysWhereAnotherIsRefused(t *testing.T) {
	f, before, after := reopened(t)
	after.end <- connect.NewError(connect.CodeUnavailable, errors.New("busy"))
	before.push <- ofService(2, "reviews")
	take(t, "set", f.sets)
	f.Reopen()
	after = take(t, "third stream", f.streams)
	after.push <- ofService(3, "reviews")
	if got := versions(take(t, "set", f.sets)); got["reviews"] != 3 {
		t.Errorf("got %v", got)
	}
}

// One that would take the sidecar back is left for one that does not.
func TestStreamThatIsBehindIsLeft(t *testing.T) {
	f, before, after := reopened(t)
	before.push <- ofService(5, "reviews")
	take(t, "set", f.sets)
	after.push <- ofService(4, "reviews")
	last := take(t, "third stream", f.streams)
	if h := hear(t, last, "hello", (*wire.SubscribeRequest).GetHello); h.GetVersion() != 5 {
		t.Errorf("hello: %v", h)
	}
	last.push <- ofService(6, "reviews")
	if got := versions(take(t, "set", f.sets)); got["reviews"] != 6 {
		t.Errorf("got %v, want what came last", got)
	}
}

// What is received on a stream ends with it, whoever sends or does not.
func TestEndedStreamIsNoticed(t *testing.T) {
	f := start(t, "")
	take(t, "the client's own stream", f.streams)
	s := f.session(t.Context(), f.planes.Current())
	defer s.end()
	if err := s.greet(); err != nil {
		t.Fatal(err)
	}
	take(t, "stream", f.streams).push <- ofService(1)
	if _, err := s.st.Receive(); err != nil {
		t.Fatal(err)
	}
	received := make(chan error, 1)
	go func() {
		_, err := s.st.Receive()
		received <- err
	}()
	for range 10000 {
		runtime.Gosched() // so that it most likely waits by then; if not, this shows nothing
	}
	s.cancel()
	if err := take(t, "end", received); err == nil {
		t.Error("received a push")
	}
}
