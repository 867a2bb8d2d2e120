package identity

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/sightline-mesh/sightline/controlplane/wire"
	"github.com/sightline-mesh/sightline/controlplane/wire/wireconnect"
)

const (
	followFirst   = 100 * time.Millisecond
	followCeiling = 5 * time.Second
	followUnknown = time.Minute     // a control plane of before knows no such call
	followPing    = 5 * time.Second // without a word from the other side
	reportEvery   = time.Minute     // so that a clock which goes wrong is seen
)

type trustStream = connect.BidiStreamForClient[wire.TrustReport, wire.TrustUpdate]

// follow keeps a stream to the control plane that says whom to trust, until ctx ends.
func (s *Source) follow(ctx context.Context) {
	wait := followFirst
	for ctx.Err() == nil {
		address := s.planes.Current()
		heard, err := s.followOn(ctx, address)
		if ctx.Err() != nil {
			return
		}
		switch {
		case connect.CodeOf(err) == connect.CodeUnimplemented:
			wait = followUnknown
		case heard:
			wait = followFirst
		}
		if heard {
			s.restored = false
		}
		s.doubt(err)
		s.planes.Failed(address)
		s.cfg.Logger.Debug("trust is asked for again", "control plane", address, "in", wait, "reason", err)
		if !sleep(ctx, wait/2+time.Duration(s.random()*float64(wait/2))) {
			return
		}
		wait = min(2*wait, followCeiling)
	}
}

// doubt has a certificate from disk replaced at once if the control plane does not take it:
// it was revoked, or a rotation went by, while this workload was not there.
func (s *Source) doubt(err error) {
	if s.restored && s.token != nil && unwelcome(err) {
		s.restored = false
		signal(s.hurry)
	}
}

// followOn holds a stream until it ends, and reports whether the control plane said
// anything. With each renewal another takes its place, made with the new certificate,
// once the control plane speaks on that.
func (s *Source) followOn(ctx context.Context, address string) (heard bool, err error) {
	select {
	case <-s.renewed: // before this stream
	default:
	}
	for now := s.beginFollowing(ctx, address); ; {
		select {
		case <-now.over:
			return now.hasSpoken(), now.err
		case <-s.renewed:
		}
		next := s.beginFollowing(ctx, address)
		select {
		case <-next.spoken:
			now.end()
			now = next
			signal(s.told) // the other one may have taken it
		case <-next.over:
			s.cfg.Logger.Debug("the stream of whom to trust is not made anew", "control plane", address, "reason", next.err)
		}
	}
}

// following is a stream that says whom to trust.
type following struct {
	end    func()        // and waits for it
	spoken chan struct{} // closed when the control plane has said something
	over   chan struct{} // closed when it has ended
	err    error         // why; after over
}

func (s *Source) beginFollowing(ctx context.Context, address string) *following {
	ctx, cancel := context.WithCancel(ctx)
	f := &following{spoken: make(chan struct{}), over: make(chan struct{})}
	f.end = func() { cancel(); <-f.over }
	go func() {
		defer close(f.over)
		f.err = s.followOnce(ctx, cancel, address, sync.OnceFunc(func() { close(f.spoken) }))
	}()
	return f
}

func (f *following) hasSpoken() bool {
	select {
	case <-f.spoken:
		return true
	default:
		return false
	}
}

// followOnce holds one stream, and says when the control plane says something.
func (s *Source) followOnce(ctx context.Context, cancel func(), address string, heard func()) error {
	defer cancel()
	var protocols http.Protocols
	protocols.SetHTTP2(true)
	transport := &http.Transport{
		DialContext:         s.dial,
		TLSClientConfig:     s.ClientTLS(s.ControlPlane(), "h2"),
		TLSHandshakeTimeout: reachTimeout,
		Protocols:           &protocols,
		HTTP2:               &http.HTTP2Config{SendPingTimeout: followPing, PingTimeout: followPing},
	}
	defer transport.CloseIdleConnections()
	st := wireconnect.NewControlPlaneClient(&http.Client{Transport: transport}, BaseURL(address)).Trust(ctx)
	sent := make(chan error, 1)
	go func() { sent <- s.report(ctx, st) }()
	err := s.hear(st, heard)
	cancel()
	err = errors.Join(err, <-sent)
	_ = st.CloseResponse() // the stream is over; what it says now is of no use
	return err
}

func (s *Source) hear(st *trustStream, heard func()) error {
	for {
		m, err := st.Receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("receive trust: %w", err)
		}
		heard()
		if err := s.adoptTrust(m); err != nil {
			s.cfg.Logger.Warn("trust update is refused", "reason", err)
			continue
		}
		s.cfg.Logger.Debug("trust update is in force", "version", m.GetVersion(), "roots", len(m.GetRoots()), "revoked", len(m.GetRevoked()))
		s.compare(m)
		signal(s.told)
	}
}

// report tells how this holder stands, at first, with every change, and now and then.
func (s *Source) report(ctx context.Context, st *trustStream) error {
	defer func() { _ = st.CloseRequest() }() // else who hears does not notice that ctx has ended
	again := time.NewTicker(reportEvery)
	defer again.Stop()
	for {
		if err := st.Send(s.standing()); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return fmt.Errorf("report trust: %w", err)
		}
		select {
		case <-s.told:
		case <-again.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (s *Source) standing() *wire.TrustReport {
	leaf := s.current.Load().certificate.Leaf
	s.mu.Lock()
	defer s.mu.Unlock()
	return &wire.TrustReport{
		Version: s.trust.Load().version,
		Serial:  leaf.SerialNumber.Text(16), Signer: s.signer(), Expires: timestamppb.New(leaf.NotAfter),
		Failures: s.failures, Failure: s.failure, Now: timestamppb.Now(),
	}
}
