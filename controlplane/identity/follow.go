package identity

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
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
)

type trustStream = connect.BidiStreamForClient[wire.TrustReport, wire.TrustUpdate]

// follow keeps a stream to the control plane that says whom to trust, until ctx ends.
func (s *Source) follow(ctx context.Context) {
	wait := followFirst
	for ctx.Err() == nil {
		address := s.planes.Current()
		heard, err := s.followOnce(ctx, address)
		if ctx.Err() != nil {
			return
		}
		switch {
		case connect.CodeOf(err) == connect.CodeUnimplemented:
			wait = followUnknown
		case heard:
			wait = followFirst
		}
		s.planes.Failed(address)
		s.cfg.Logger.Debug("trust is asked for again", "control plane", address, "in", wait, "reason", err)
		if !sleep(ctx, wait/2+time.Duration(s.random()*float64(wait/2))) {
			return
		}
		wait = min(2*wait, followCeiling)
	}
}

// followOnce holds one stream, and reports whether the control plane said anything.
func (s *Source) followOnce(ctx context.Context, address string) (heard bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
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
	heard, err = s.hear(st)
	cancel()
	err = errors.Join(err, <-sent)
	_ = st.CloseResponse() // the stream is over; what it says now is of no use
	return heard, err
}

func (s *Source) hear(st *trustStream) (heard bool, err error) {
	for {
		m, err := st.Receive()
		if errors.Is(err, io.EOF) {
			return heard, nil
		}
		if err != nil {
			return heard, fmt.Errorf("receive trust: %w", err)
		}
		heard = true
		if err := s.adoptTrust(m); err != nil {
			s.cfg.Logger.Warn("trust update is refused", "reason", err)
			continue
		}
		s.cfg.Logger.Debug("trust update is in force", "version", m.GetVersion(), "roots", len(m.GetRoots()), "revoked", len(m.GetRevoked()))
		s.compare(m)
		signal(s.told)
	}
}

// report tells how this holder stands, at first and with every change.
func (s *Source) report(ctx context.Context, st *trustStream) error {
	for {
		if err := st.Send(s.standing()); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return fmt.Errorf("report trust: %w", err)
		}
		select {
		case <-s.told:
		case <-ctx.Done():
			return st.CloseRequest()
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
		Failures: s.failures, Failure: s.failure,
	}
}
