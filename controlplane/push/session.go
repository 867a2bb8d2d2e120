package push

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/wire"
	"github.com/sightline-mesh/sightline/controlplane/wire/wireconnect"
)

type stream = connect.BidiStreamForClient[wire.SubscribeRequest, wire.Push]

// session is one stream. Its fields belong to the goroutine that receives, but for what
// begin has set.
type session struct {
	c       *Client
	address string
	rpc     wireconnect.ControlPlaneClient
	idle    func() // ends rpc's connection, once the stream has ended
	st      *stream
	live    context.Context // the stream's; it outlives the client's for a goodbye
	cancel  context.CancelFunc
	parted  chan struct{} // closed when nothing waits for a goodbye any more
	said    *spoken       // nil before the hello

	first  *wire.Push                // that has come already
	held   map[mesh.ServiceName]held // what was received, accepted or not
	pushed bool                      // a push has come: the control plane is well

	inboundRefused error // why what was sent last is not enforced
}

// held is a snapshot as it was received; one that cannot be read refuses every
// set it is in.
type held struct {
	snapshot mesh.Snapshot
	err      error
}

// session begins a stream on a connection of its own. Its end has to follow.
func (c *Client) session(ctx context.Context, address string) *session {
	s := &session{c: c, address: address, held: map[mesh.ServiceName]held{}, parted: make(chan struct{})}
	s.live, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.rpc, s.idle = c.planes.to(address)
	s.st = s.rpc.Subscribe(s.live) //nolint:contextcheck // it outlives ctx for a goodbye
	go func() {                    // a goodbye that is not answered must not hold up the end
		defer close(s.parted)
		defer func() { _ = s.st.CloseRequest() }() // else who receives does not notice that live has ended
		select {
		case <-ctx.Done():
		case <-s.live.Done():
			return
		}
		t := time.NewTimer(farewell)
		defer t.Stop()
		select {
		case <-t.C:
			s.cancel()
		case <-s.live.Done():
		}
	}()
	return s
}

// end ends the stream, which nobody receives from or sends on any more.
func (s *session) end() {
	s.cancel()
	<-s.parted
	_ = s.st.CloseResponse() // the stream is over; what it says now is of no use
	s.idle()
}

// run ends when the stream does, or with a goodbye when ctx does. It returns the session
// that takes this one's place, if there is one.
func (s *session) run(ctx context.Context) (next *session, err error) {
	defer s.end()
	s.c.speakOver(s.rpc)
	sent, succession := make(chan error, 1), make(chan *session, 1)
	go func() { sent <- s.send(ctx) }()
	go func() { succession <- s.succession(ctx) }()
	silent := s.c.planes.silence(s.cancel)
	err = s.receive(silent)
	silent.Stop()
	s.cancel()
	err = errors.Join(err, <-sent)
	if next = <-succession; next == nil {
		return nil, err
	}
	s.c.succeeded()
	if s.c.isBefore(next.first) {
		next.end()
		return nil, errors.Join(err, errBehind)
	}
	return next, nil
}

func (s *session) receive(silent *time.Timer) error {
	for {
		m, err := s.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("receive push: %w", err)
		}
		if !s.pushed {
			s.pushed = true
			silent.Stop()
			s.c.connected()
		}
		if err := s.take(m); err != nil {
			return fmt.Errorf("receive push %d: %w", m.GetSequence(), err)
		}
	}
}

// next is the next push.
func (s *session) next() (*wire.Push, error) {
	if m := s.first; m != nil {
		s.first = nil
		return m, nil
	}
	return s.st.Receive()
}

// take puts a push in force, or refuses it, and answers it. An error ends the stream.
func (s *session) take(m *wire.Push) error {
	set, err := s.merge(m)
	if err != nil {
		return err
	}
	s.guard(m)
	if m.GetTaps() != nil && s.c.cfg.Taps != nil {
		s.c.cfg.Taps(wire.ToTaps(m.GetTaps()))
	}
	refused := errors.Join(s.inboundRefused, s.put(m, set))
	s.c.answer(m, refused)
	return nil
}

// merge brings what is held up to date. An error means that the two sides do not
// agree on what was sent before; only a new stream mends that.
func (s *session) merge(m *wire.Push) ([]held, error) {
	for _, w := range m.GetSnapshots() {
		snapshot, err := wire.ToSnapshot(w)
		s.held[mesh.ServiceName(w.GetService())] = held{snapshot, err}
	}
	set := make([]held, 0, len(m.GetServices()))
	next := make(map[mesh.ServiceName]held, len(m.GetServices()))
	for _, name := range wire.ToServices(m.GetServices()) {
		h, ok := s.held[name]
		if !ok {
			return nil, fmt.Errorf("no snapshot of service %q came", name)
		}
		next[name] = h
		set = append(set, h)
	}
	s.held = next
	return set, nil
}

// guard takes what is to be enforced, if the push says something new. A control
// plane that knows of no such thing says nothing, ever.
func (s *session) guard(m *wire.Push) {
	if s.c.cfg.Inbound == nil || m.GetInbound() == nil && s.c.enforces() {
		return
	}
	if m.GetInbound() == nil && s.inboundRefused != nil {
		return
	}
	if s.inboundRefused = s.c.guard(wire.ToInbound(m.GetInbound())); s.inboundRefused == nil {
		s.c.good.inbound, s.c.good.unsaved = m.GetInbound(), true
	}
}

// put applies the whole set, and keeps it when it is good.
func (s *session) put(m *wire.Push, set []held) error {
	snaps := make([]mesh.Snapshot, 0, len(set))
	for _, h := range set {
		if h.err != nil {
			return h.err
		}
		snaps = append(snaps, h.snapshot)
	}
	if err := s.c.apply(snaps); err != nil {
		return err
	}
	s.c.good.version, s.c.good.snaps, s.c.good.unsaved = m.GetVersion(), snaps, true
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	s.c.has = has{m.GetVersion(), m.GetEpoch()}
	return nil
}

// ack answers a push.
type ack struct {
	sequence uint64
	accepted bool
	reason   string    // why not
	at       time.Time // when the push was put in force, or refused
}

// answer records what became of a push and tells the control plane.
func (c *Client) answer(m *wire.Push, refused error) {
	a := ack{sequence: m.GetSequence(), accepted: refused == nil, at: time.Now()}
	if refused != nil {
		a.reason = refused.Error()
		c.cfg.Logger.Warn("push refused", "version", m.GetVersion(), "reason", refused)
	}
	c.mu.Lock()
	c.acks = append(c.acks, a)
	c.status.Refusal = a.reason
	if refused == nil {
		c.status.Version, c.status.Changed, c.status.Stale = m.GetVersion(), a.at, time.Time{}
	} else {
		c.stale(a.at)
	}
	c.mu.Unlock()
	c.notify()
	if err := c.save(); err != nil {
		c.cfg.Logger.Warn("accepted set is not on disk", "reason", err)
	}
}

// message says how long ago the push was put in force, so that the time it took is
// measured by the control plane's clock alone.
func (a ack) message(now time.Time) *wire.SubscribeRequest {
	return &wire.SubscribeRequest{Message: &wire.SubscribeRequest_Ack{Ack: &wire.Ack{
		Sequence: a.sequence, Accepted: a.accepted, Reason: a.reason, Ago: durationpb.New(now.Sub(a.at)),
	}}}
}

// greet says hello and what is wanted.
func (s *session) greet() error {
	s.said = &spoken{}
	if err := s.st.Send(&wire.SubscribeRequest{Message: &wire.SubscribeRequest_Hello{Hello: s.c.hello(s.said)}}); err != nil {
		return err
	}
	if m := s.c.want(s.said); m != nil {
		return s.st.Send(m)
	}
	return nil
}

// send says hello, then whatever there is to say until the stream ends, or
// goodbye when ctx does.
func (s *session) send(ctx context.Context) error {
	if s.said == nil {
		if err := s.greet(); err != nil {
			return ignoreEOF(err)
		}
	}
	look, stop := s.c.looks()
	defer stop()
	for {
		for _, m := range s.c.news(s.said) {
			if err := s.st.Send(m); err != nil {
				return ignoreEOF(err)
			}
		}
		select {
		case <-s.c.wake:
		case <-look:
		case <-s.live.Done():
			return nil
		case <-ctx.Done():
			if s.c.hasYielded() {
				return ignoreEOF(s.st.CloseRequest())
			}
			err := s.st.Send(&wire.SubscribeRequest{Message: &wire.SubscribeRequest_Goodbye{Goodbye: &wire.Goodbye{}}})
			return errors.Join(ignoreEOF(err), s.st.CloseRequest())
		}
	}
}

// spoken is what the control plane was told last on this stream.
type spoken struct {
	want  []mesh.ServiceName
	asked bool
	state mesh.InstanceState
	away  uint64 // connections turned away
}

func (c *Client) hello(said *spoken) *wire.Hello {
	c.mu.Lock()
	defer c.mu.Unlock()
	instance := c.cfg.Instance
	instance.State = c.told()
	said.state = instance.State
	return &wire.Hello{Instance: wire.FromInstance(instance), Build: c.cfg.Build, Version: c.has.version, Epoch: c.has.epoch}
}

// want is what is subscribed to, nil if that was said.
func (c *Client) want(said *spoken) *wire.SubscribeRequest {
	want := c.Services()
	if said.asked && slices.Equal(want, said.want) {
		return nil
	}
	said.want, said.asked = want, true
	return &wire.SubscribeRequest{Message: &wire.SubscribeRequest_Want{Want: &wire.Want{Services: wire.FromServices(want)}}}
}

// news is what changed since it was last said.
func (c *Client) news(said *spoken) []*wire.SubscribeRequest {
	var out []*wire.SubscribeRequest
	if m := c.want(said); m != nil {
		out = append(out, m)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if state := c.told(); state != said.state {
		said.state = state
		out = append(out, &wire.SubscribeRequest{Message: &wire.SubscribeRequest_State{State: &wire.State{State: string(state)}}})
	}
	now := time.Now()
	for _, a := range c.acks {
		out = append(out, a.message(now))
	}
	c.acks = nil
	return append(out, c.turnedAway(said, now)...)
}

// ignoreEOF drops the error that only says that receiving will tell the reason.
func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
