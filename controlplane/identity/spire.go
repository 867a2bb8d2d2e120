package identity

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"connectrpc.com/connect"

	"github.com/sightline-mesh/sightline/controlplane/wire"
)

const (
	agentFirst    = 100 * time.Millisecond
	agentCeiling  = 10 * time.Second
	agentMessage  = 4 << 20
	fetchX509SVID = "/SpiffeWorkloadAPI/FetchX509SVID"
)

// agent is a SPIFFE Workload API at a socket. Of its calls we need one, which Connect's
// client speaks in gRPC's protocol: the client of go-spiffe would bring all of grpc-go
// into the sidecar.
type agent struct {
	fetch *connect.Client[wire.SVIDRequest, wire.SVIDResponse]
	idle  func()
}

// newAgent reads the address of a socket: "unix:///path", "unix:/path" or "/path".
func newAgent(socket string) (*agent, error) {
	path := strings.TrimPrefix(strings.TrimPrefix(socket, "unix:"), "//")
	if !strings.HasPrefix(path, "/") {
		return nil, fmt.Errorf("SPIRE's socket: %q: want unix:///path/of/agent.sock", socket)
	}
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{
		Protocols: &protocols,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{Timeout: reachTimeout}).DialContext(ctx, "unix", path)
		},
	}
	return &agent{
		fetch: connect.NewClient[wire.SVIDRequest, wire.SVIDResponse](&http.Client{Transport: transport}, "http://workload"+fetchX509SVID,
			connect.WithGRPC(), connect.WithReadMaxBytes(agentMessage)),
		idle: transport.CloseIdleConnections,
	}, nil
}

// follow has take called with everything the agent says, until it or the agent fails.
func (a *agent) follow(ctx context.Context, take func(*wire.SVIDResponse) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer a.idle()
	defer cancel()
	req := connect.NewRequest(&wire.SVIDRequest{})
	req.Header().Set("workload.spiffe.io", "true") // without it the agent refuses: it keeps browsers' requests out
	st, err := a.fetch.CallServerStream(ctx, req)
	if err != nil {
		return fmt.Errorf("ask SPIRE's agent: %w", err)
	}
	for st.Receive() {
		if err := take(st.Msg()); err != nil {
			cancel()
			_ = st.Close() // the error of take is what matters
			return err
		}
	}
	if err := errors.Join(st.Err(), st.Close()); err != nil {
		return fmt.Errorf("ask SPIRE's agent: %w", err)
	}
	return errors.New("ask SPIRE's agent: it has ended the stream")
}

var errEnough = errors.New("enough")

// askAgent waits for the first SVID that is this workload's. One that is for another
// is no reason to give up: somebody may be about to correct the registration.
func (s *Source) askAgent(ctx context.Context) (m *material, err error) {
	wait := agentFirst
	for {
		err = s.agent.follow(ctx, func(r *wire.SVIDResponse) (err error) {
			if m, err = s.choose(r); err == nil {
				err = errEnough
			}
			return err
		})
		if errors.Is(err, errEnough) {
			return m, nil
		}
		s.cfg.Logger.Warn("SPIRE's agent is asked again", "in", wait, "reason", err)
		if !s.rest(ctx, &wait) {
			return nil, errors.Join(ctx.Err(), err)
		}
	}
}

// followAgent takes over every SVID that the agent says until ctx ends. One that is of no
// use is refused, and the last good one serves on.
func (s *Source) followAgent(ctx context.Context) {
	wait := agentFirst
	for ctx.Err() == nil {
		err := s.agent.follow(ctx, func(r *wire.SVIDResponse) error {
			m, err := s.choose(r)
			if err == nil {
				err = s.adopt(m)
			}
			if err != nil {
				s.note(err)
				s.cfg.Logger.Warn("SVID is refused", "reason", err)
				return nil // the agent is well: its next word may be better
			}
			s.note(nil)
			wait = agentFirst
			s.cfg.Logger.Debug("SVID is in use", "expires", s.Expires())
			return nil
		})
		if ctx.Err() != nil {
			return
		}
		s.note(err)
		s.cfg.Logger.Warn("SPIRE's agent is asked again", "expires", s.Expires(), "in", wait, "reason", err)
		if !s.rest(ctx, &wait) {
			return
		}
	}
}

// rest waits between half of a time and all of it, and doubles it.
func (s *Source) rest(ctx context.Context, wait *time.Duration) bool {
	d := *wait
	*wait = min(2*d, agentCeiling)
	return sleep(ctx, d/2+time.Duration(s.random()*float64(d/2)))
}

// choose is the first of several SVIDs that is this workload's.
func (s *Source) choose(r *wire.SVIDResponse) (*material, error) {
	bad := []error{errors.New("SPIRE's agent has no SVID for this workload")}
	for _, svid := range r.GetSvids() {
		m, err := materialOf(svid)
		if err == nil {
			err = s.checkSVID(m)
		}
		if err == nil {
			return m, nil
		}
		bad = append(bad, fmt.Errorf("%s: %w", svid.GetSpiffeId(), err))
	}
	return nil, errors.Join(bad...)
}

func (s *Source) checkSVID(m *material) error {
	if err := s.check(m); err != nil {
		return fmt.Errorf("%w (its registration entry needs the id .../ns/%s/sa/%s and the DNS name %s)",
			err, s.cfg.Workload.Namespace, s.cfg.Workload.Account, s.cfg.Workload.DNSName())
	}
	return nil
}

func materialOf(svid *wire.SVID) (*material, error) {
	chain, err := x509.ParseCertificates(svid.GetX509Svid())
	if err == nil && len(chain) == 0 {
		err = errors.New("it is empty")
	}
	if err != nil {
		return nil, fmt.Errorf("certificate cannot be read: %w", err)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(svid.GetX509SvidKey())
	if err != nil {
		return nil, fmt.Errorf("key cannot be read: %w", err)
	}
	key, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("key is a %T, which does not sign", parsed)
	}
	m := &material{certificate: tls.Certificate{PrivateKey: key, Leaf: chain[0]}}
	for _, c := range chain {
		m.certificate.Certificate = append(m.certificate.Certificate, c.Raw)
	}
	if m.roots, err = x509.ParseCertificates(svid.GetBundle()); err == nil && len(m.roots) == 0 {
		err = errors.New("it is empty")
	}
	if err != nil {
		return nil, fmt.Errorf("bundle cannot be read: %w", err)
	}
	return m, nil
}
