package controlplane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"

	"connectrpc.com/connect"
	"golang.org/x/sync/errgroup"

	"github.com/sightline-mesh/sightline/controlplane/hub"
	"github.com/sightline-mesh/sightline/controlplane/identity"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/registry"
	"github.com/sightline-mesh/sightline/controlplane/wire"
)

const (
	farewell = 5 * time.Second // for the store to take an instance out
	catchUp  = 2 * time.Second // with what the sidecar knows already
)

type feedStream = connect.BidiStream[wire.SubscribeRequest, wire.Push]

// errGoodbye ends a stream whose sidecar has taken its leave.
var errGoodbye = errors.New("goodbye")

// Subscribe serves one sidecar's stream: it registers the instance, keeps it
// registered, and feeds it until either side ends.
func (s *service) Subscribe(ctx context.Context, st *feedStream) error {
	joining, err := s.welcome(ctx, st)
	if err != nil {
		return err
	}
	ctx, done, err := s.gate.pass(ctx)
	if err != nil {
		return connect.NewError(connect.CodeUnavailable, err)
	}
	defer done()
	attached, err := s.registry.Attach(ctx, joining.Instance)
	if errors.Is(err, registry.ErrTaken) {
		return connect.NewError(connect.CodeAlreadyExists, err)
	}
	if err != nil {
		return connect.NewError(connect.CodeUnavailable, err)
	}
	defer attached.Detach()
	feed := s.hub.Join(joining)
	defer feed.Leave()
	s.log.Debug("sidecar subscribed", "instance", joining.Instance.ID, "build", joining.Build)

	g, alive := errgroup.WithContext(ctx)
	defer context.AfterFunc(alive, callerOf(ctx).interrupt)() // else a reader would outlive the stream
	g.Go(func() error { return attached.Keep(alive) })
	g.Go(func() error { return s.sendPushes(alive, feed, st) })
	g.Go(func() error { return listen(alive, feed, attached, st) })
	g.Go(func() error { return untilUnfit(alive, s.authority, s.drain) })
	err = g.Wait()
	if errors.Is(err, identity.ErrRevoked) {
		return errors.Join(connect.NewError(connect.CodePermissionDenied, err), s.dismiss(ctx, attached)) // nobody shall go on to dial it
	}
	if errors.Is(err, errGoodbye) {
		return s.dismiss(ctx, attached)
	}
	return asEnd(ctx, err)
}

// welcome reads the first message. Who subscribes is what the certificate says;
// only the address, labels, state and what its app speaks are the sidecar's own word.
func (s *service) welcome(ctx context.Context, st *feedStream) (hub.Joining, error) {
	w, certificate, err := workloadOf(ctx)
	if err != nil {
		return hub.Joining{}, err
	}
	first, err := st.Receive()
	if err != nil {
		return hub.Joining{}, err
	}
	hello := first.GetHello()
	if hello == nil {
		return hub.Joining{}, connect.NewError(connect.CodeInvalidArgument, errors.New("the first message must be a hello"))
	}
	said, err := wire.ToInstance(hello.GetInstance())
	if err != nil {
		return hub.Joining{}, connect.NewError(connect.CodeInvalidArgument, err)
	}
	peer := w.Peer(s.authority.TrustDomain())
	i := mesh.Instance{
		ID:       peer.Instance,
		Service:  peer.Service,
		Version:  peer.Version,
		Address:  said.Address,
		Identity: peer.Identity,
		Labels:   maps.Clone(said.Labels),
		State:    stateOf(string(said.State)),
		Locality: said.Locality,

		AppProtocol: said.AppProtocol,
		AppPort:     said.AppPort,
		Ports:       said.Ports,
	}
	if len(i.Ports) > 0 {
		i.AppPort, i.AppProtocol = i.Ports[0].Number, i.Ports[0].Protocol
	}
	if i.Version != "" {
		if i.Labels == nil {
			i.Labels = map[string]string{}
		}
		i.Labels["version"] = string(i.Version)
	}
	if err := s.caughtUp(ctx, hello); err != nil {
		return hub.Joining{}, err
	}
	return hub.Joining{Instance: i, Build: hello.GetBuild(), Expires: certificate.NotAfter}, nil
}

// caughtUp waits until this control plane knows what the sidecar has been told by another:
// a sidecar is never taken back. One that had its word of another store is told anew.
func (s *service) caughtUp(ctx context.Context, hello *wire.Hello) error {
	ctx, cancel := context.WithTimeout(ctx, catchUp)
	defer cancel()
	if !s.epoch.is(ctx, hello.GetEpoch()) || s.progress.has(hello.GetVersion()) {
		return nil
	}
	switch past, err := s.epoch.past(ctx, hello.GetVersion()); {
	case err != nil:
		return connect.NewError(connect.CodeUnavailable, err)
	case past:
		s.log.Warn("the store was set back: sidecars are told anew", "version", hello.GetVersion())
		return nil
	}
	load := func() {
		s.progress.stir(time.Now(), func() { _ = s.registry.Stir(ctx) }) // one that fails is done again
		s.hub.NotifyNow()
	}
	if err := s.progress.await(ctx, hello.GetVersion(), load); err != nil {
		return connect.NewError(connect.CodeUnavailable, fmt.Errorf("configuration %d, which the sidecar has, is not known here: %w", hello.GetVersion(), err))
	}
	return nil
}

func (s *service) sendPushes(ctx context.Context, feed *hub.Feed, st *feedStream) error {
	inJSON := strings.Contains(st.RequestHeader().Get("Content-Type"), "json")
	for {
		p, err := feed.Next(ctx)
		if err != nil {
			return err
		}
		var m *wire.Push
		if inJSON {
			m = whole(&p)
		} else if m, err = s.frames.push(&p); err != nil {
			return err
		}
		m.Epoch = s.epoch.name()
		if err := st.Send(m); err != nil {
			return fmt.Errorf("send push: %w", err)
		}
	}
}

func listen(ctx context.Context, feed *hub.Feed, attached *registry.Attachment, st *feedStream) error {
	for {
		m, err := st.Receive()
		if err != nil {
			return fmt.Errorf("receive: %w", err)
		}
		switch m := m.GetMessage().(type) {
		case *wire.SubscribeRequest_Want:
			feed.Want(wire.ToServices(m.Want.GetServices()))
		case *wire.SubscribeRequest_State:
			if err := attached.SetState(ctx, stateOf(m.State.GetState())); err != nil {
				return err
			}
		case *wire.SubscribeRequest_Ack:
			feed.Answer(hub.Answer{
				Sequence: m.Ack.GetSequence(), Accepted: m.Ack.GetAccepted(), Reason: m.Ack.GetReason(), Ago: m.Ack.GetAgo().AsDuration(),
			})
		case *wire.SubscribeRequest_TurnedAway:
			feed.TurnedAway(wire.ToTurnedAway(m.TurnedAway, time.Now()))
		case *wire.SubscribeRequest_Goodbye:
			return errGoodbye
		}
	}
}

// stateOf takes a word it does not know for an instance that is not ready.
func stateOf(s string) mesh.InstanceState {
	switch state := mesh.InstanceState(s); state {
	case mesh.Ready, mesh.Draining, mesh.Caller:
		return state
	}
	return mesh.Starting
}

// dismiss may run when the sidecar has hung up already.
func (s *service) dismiss(ctx context.Context, attached *registry.Attachment) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	if err := attached.Leave(ctx); err != nil {
		s.log.Warn("instance stays until its lease runs out", "reason", err)
	}
	return nil
}

// asEnd is how a stream's end looks to the sidecar: each of these it answers with
// a new stream.
func asEnd(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, hub.ErrReplaced):
		return connect.NewError(connect.CodeAborted, err)
	case errors.Is(context.Cause(ctx), errAway):
		return connect.NewError(connect.CodeUnavailable, errAway)
	case !errors.Is(err, io.EOF) && ctx.Err() == nil:
		return connect.NewError(connect.CodeUnavailable, err)
	}
	return nil
}
