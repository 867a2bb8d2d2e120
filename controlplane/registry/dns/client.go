package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
)

const (
	system     = "/etc/resolv.conf"
	askTimeout = 2 * time.Second // of one server
	udpSize    = 1232            // that goes through without fragments (DNS flag day 2020)
)

// Client asks name servers. It implements Resolver.
type Client struct {
	servers []string // host:port; nil are the system's, read anew each time
	udp     *dns.Client
	tcp     *dns.Client
}

// NewClient asks these servers, host:port, one after the other, or the system's if there
// are none.
func NewClient(servers ...string) *Client {
	return &Client{
		servers: servers,
		udp:     &dns.Client{Net: "udp", Timeout: askTimeout, UDPSize: udpSize},
		tcp:     &dns.Client{Net: "tcp", Timeout: askTimeout},
	}
}

// CheckServers says what is wrong with a list of servers.
func CheckServers(servers []string) error {
	for _, s := range servers {
		if at, err := netip.ParseAddrPort(s); err != nil || at.Port() == 0 {
			return fmt.Errorf("%q is not a name server; want an address and a port, such as 10.0.0.2:53", s)
		}
	}
	return nil
}

// Resolve implements Resolver.
func (c *Client) Resolve(ctx context.Context, name string, kind Kind) (Answer, error) {
	servers, err := c.places()
	if err != nil {
		return Answer{}, err
	}
	q := new(dns.Msg)
	q.SetQuestion(dns.Fqdn(name), [...]uint16{dns.TypeA, dns.TypeAAAA, dns.TypeSRV}[kind])
	q.SetEdns0(udpSize, false)
	var bad []error
	for _, s := range servers {
		a, err := c.ask(ctx, q, s)
		if err == nil {
			return a, nil
		}
		bad = append(bad, fmt.Errorf("%s: %w", s, err))
		if ctx.Err() != nil {
			break
		}
	}
	return Answer{}, fmt.Errorf("ask for %s of %s: %w", kind, name, errors.Join(bad...))
}

func (c *Client) places() ([]string, error) {
	if len(c.servers) > 0 {
		return c.servers, nil
	}
	cfg, err := dns.ClientConfigFromFile(system)
	if err != nil {
		return nil, fmt.Errorf("find name servers: %w", err)
	}
	if len(cfg.Servers) == 0 {
		return nil, fmt.Errorf("find name servers: %s names none", system)
	}
	out := make([]string, len(cfg.Servers))
	for i, s := range cfg.Servers {
		out[i] = net.JoinHostPort(s, cfg.Port)
	}
	return out, nil
}

// ask asks one server, again over TCP where the answer had no room in a packet.
func (c *Client) ask(ctx context.Context, q *dns.Msg, server string) (Answer, error) {
	q = q.Copy()
	q.Id = dns.Id()
	r, _, err := c.udp.ExchangeContext(ctx, q, server)
	if err == nil && r.Truncated {
		r, _, err = c.tcp.ExchangeContext(ctx, q, server)
	}
	if err != nil {
		return Answer{}, err
	}
	return read(r)
}

// read is what a message says. A life is the shortest of all records on the way, or of
// an empty answer what the zone says of those.
func read(r *dns.Msg) (Answer, error) {
	if r.Rcode != dns.RcodeSuccess && r.Rcode != dns.RcodeNameError {
		return Answer{}, errors.New(strings.ToLower(dns.RcodeToString[r.Rcode]))
	}
	var out Answer
	life := uint32(1<<31 - 1)
	for _, rr := range r.Answer {
		if out.take(rr) {
			life = min(life, rr.Header().Ttl)
		}
	}
	if out.empty() {
		life = lifeOfNothing(r.Ns)
	}
	out.Life = time.Duration(life) * time.Second
	return out, nil
}

// take adds what a record says, and reports whether it is one on the way to an answer.
func (a *Answer) take(rr dns.RR) bool {
	switch rr := rr.(type) {
	case *dns.A:
		a.address(rr.A)
	case *dns.AAAA:
		a.address(rr.AAAA)
	case *dns.SRV:
		if target := strings.TrimSuffix(strings.ToLower(rr.Target), "."); target != "" && rr.Port != 0 {
			a.Servers = append(a.Servers, Server{Priority: rr.Priority, Name: target, Port: rr.Port})
		}
	case *dns.CNAME:
	default:
		return false
	}
	return true
}

// lifeOfNothing is how many seconds an empty answer holds (RFC 2308, 5).
func lifeOfNothing(authority []dns.RR) (life uint32) {
	for _, rr := range authority {
		if soa, ok := rr.(*dns.SOA); ok {
			life = min(soa.Minttl, soa.Hdr.Ttl)
		}
	}
	return life
}

func (a *Answer) address(ip net.IP) {
	if at, ok := netip.AddrFromSlice(ip); ok && !at.Unmap().IsUnspecified() {
		a.Addresses = append(a.Addresses, at.Unmap())
	}
}
