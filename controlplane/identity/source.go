package identity

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"

	"github.com/sightline-mesh/sightline/controlplane/endpoint"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/controlplane/token"
)

// ErrWrongRoot is wrapped when the control plane is not the one the token was made
// by. Trying again does not help.
var ErrWrongRoot = errors.New("control plane has another root than the join token")

// ErrRefused is wrapped when the control plane will not give this workload a
// certificate. Trying again does not help.
var ErrRefused = errors.New("enrolment refused")

// Config says who to be and where to ask for it.
type Config struct {
	// ControlPlane is the host and port that sidecars reach the control plane at, or those
	// of several, with commas between them.
	ControlPlane string
	// Token is a join token. It may be empty when Dir holds a certificate that is
	// still good.
	Token string
	// Dir keeps key, certificate and roots over a restart, in files only the owner
	// can read. Empty keeps them in memory alone.
	Dir      string
	Workload Workload
	// SPIRESocket is where a SPIRE agent, or another SPIFFE Workload API, answers:
	// "unix:///run/spire/agent.sock". The certificate and the roots come from there then,
	// nothing of them is kept in Dir, and Token is not used.
	SPIRESocket string
	// Retired is told, while Run runs, that a root is not trusted any more, with the watched
	// connections whose peers are below it: they are to end once what is under way on them
	// is over. It must not block for long. It may be nil.
	Retired func([]*tls.Conn)
	// Renewed is told, while Run runs, that there is a new certificate: what is held open
	// for long is to be opened anew with it. It must not block. It may be nil.
	Renewed func()
	// Drain is how long such a connection goes on at most. 0 is 30 s, as a sidecar's own.
	Drain time.Duration
	// Logger gets what is done in the background; nil is silence.
	Logger *slog.Logger
	// Dial makes connections to the control plane, in place of TCP; nil is TCP.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Source holds the certificate of the moment. Its methods may be called from any
// goroutine.
type Source struct {
	// Set by Open and never changed.
	cfg    Config
	planes *endpoint.List
	token  *token.Token // nil when none was given
	agent  *agent       // nil when the control plane gives the certificate
	bundle *x509bundle.Bundle
	random func() float64 // in [0, 1)
	dial   func(ctx context.Context, network, address string) (net.Conn, error)

	replacing sync.Mutex    // held by who replaces current or the roots
	hurry     chan struct{} // capacity 1: the certificate is to be renewed now
	told      chan struct{} // capacity 1: there is something to report
	retiring  chan struct{} // capacity 1: a root is gone
	renewed   chan struct{} // capacity 1: the stream to the control plane is to be made anew
	adopting  sync.Mutex    // held by who takes over what the control plane says of trust
	watch     watched
	restored  bool // the certificate is from disk, and no control plane has taken it yet; follow's own

	current atomic.Pointer[material]
	trust   atomic.Pointer[trust]

	clock atomic.Int64 // how far this machine's is ahead of the CA's, in nanoseconds

	rootGone atomic.Int64 // when a root was last taken out, in Unix nanoseconds

	mu       sync.Mutex // guards what follows
	failures uint64     // renewals that failed since the last that did not
	failed   uint64     // all that failed
	failure  string
	spread   time.Duration
}

// material is a certificate with its key and the roots that came with it.
type material struct {
	certificate tls.Certificate // Leaf is set
	roots       []*x509.Certificate
}

// Open takes the certificate in Config.Dir if it is this workload's and still
// good, else enrols. While the control plane cannot be reached it tries again,
// with back-off, until ctx ends; a refusal is returned at once.
func Open(ctx context.Context, c Config) (*Source, error) {
	s, err := prepare(c)
	if err != nil {
		return nil, fmt.Errorf("open identity: %w", err)
	}
	m, err := s.first(ctx)
	if err != nil {
		return nil, fmt.Errorf("open identity: %w", err)
	}
	domain, err := spiffeid.TrustDomainFromString(m.certificate.Leaf.URIs[0].Host)
	if err != nil {
		return nil, fmt.Errorf("open identity: %w", err)
	}
	s.bundle = x509bundle.FromX509Authorities(domain, m.roots)
	s.current.Store(m)
	s.trust.Store(s.loadTrust())
	return s, nil
}

func prepare(c Config) (*Source, error) {
	w, err := c.Workload.Normal()
	if err != nil {
		return nil, err
	}
	c.Workload = w
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Drain == 0 {
		c.Drain = 30 * time.Second
	}
	planes, err := endpoint.New(c.ControlPlane)
	if err != nil {
		return nil, fmt.Errorf("control plane: %w", err)
	}
	s := &Source{
		cfg: c, planes: planes, random: rand.Float64, dial: (&net.Dialer{Timeout: reachTimeout}).DialContext,
		hurry: make(chan struct{}, 1), told: make(chan struct{}, 1), retiring: make(chan struct{}, 1), renewed: make(chan struct{}, 1),
	}
	if c.SPIRESocket != "" {
		if s.agent, err = newAgent(c.SPIRESocket); err != nil {
			return nil, err
		}
		s.cfg.Dir, c.Token = "", ""
	}
	if c.Dial != nil {
		s.dial = c.Dial
	}
	if c.Token != "" {
		t, err := token.Parse(c.Token)
		if err != nil {
			return nil, err
		}
		s.token = &t
	}
	return s, nil
}

// Self is this workload as its peers see it.
func (s *Source) Self() Peer {
	return s.cfg.Workload.Peer(s.TrustDomain())
}

// TrustDomain is the name of the mesh: "mesh.local".
func (s *Source) TrustDomain() string {
	return s.current.Load().certificate.Leaf.URIs[0].Host
}

// ControlPlane is the identity of the control plane, to be wanted of its listener.
func (s *Source) ControlPlane() mesh.Identity { return ControlPlane(s.TrustDomain()) }

// Expires is when the current certificate ends.
func (s *Source) Expires() time.Time { return s.current.Load().certificate.Leaf.NotAfter }

// adopt makes m the certificate of the moment, on disk first so that a restart
// never finds an older one than peers have seen.
func (s *Source) adopt(m *material) error {
	if err := s.save(m); err != nil {
		return err
	}
	s.replacing.Lock()
	s.setRoots(m.roots)
	s.current.Store(m)
	s.replacing.Unlock()
	signal(s.told)
	signal(s.renewed)
	if s.cfg.Renewed != nil {
		s.cfg.Renewed()
	}
	return nil
}

// setRoots replaces those that are trusted, and has the connections end of who is below
// one that is gone.
func (s *Source) setRoots(roots []*x509.Certificate) {
	before := s.bundle.X509Authorities()
	s.bundle.SetX509Authorities(roots)
	if slices.ContainsFunc(before, func(r *x509.Certificate) bool { return !s.bundle.HasX509Authority(r) }) {
		s.rootGone.Store(time.Now().UnixNano())
		signal(s.retiring)
	}
}

// check refuses material that is not this workload's or does not hold together.
func (s *Source) check(m *material) error {
	leaf := m.certificate.Leaf
	w, err := WorkloadOf(leaf)
	if err != nil {
		return err
	}
	if w != s.cfg.Workload {
		return fmt.Errorf("certificate is for %s, want %s", w.DNSName(), s.cfg.Workload.DNSName())
	}
	key, ok := m.certificate.PrivateKey.(crypto.Signer)
	if !ok {
		return fmt.Errorf("key is a %T, which does not sign", m.certificate.PrivateKey)
	}
	if pub, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !pub.Equal(leaf.PublicKey) {
		return errors.New("certificate does not belong to the key")
	}
	domain, err := spiffeid.TrustDomainFromString(leaf.URIs[0].Host)
	if err != nil {
		return err
	}
	chain, err := x509.ParseCertificates(concat(m.certificate.Certificate))
	if err != nil {
		return err
	}
	_, _, err = x509svid.Verify(chain, x509bundle.FromX509Authorities(domain, m.roots))
	return err
}

// pins reports whether one of the roots is the one the token names, or came after it in
// rotations that this workload went through, or no token is there to name one.
func (s *Source) pins(roots []*x509.Certificate) bool {
	if s.token == nil {
		return true
	}
	if slices.Contains(s.formerRoots(), s.token.Root) {
		return true
	}
	for _, r := range roots {
		if token.Fingerprint(r) == s.token.Root {
			return true
		}
	}
	return false
}

func concat(parts [][]byte) []byte {
	var out []byte
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}
