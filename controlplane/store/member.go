package store

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	"go.etcd.io/etcd/server/v3/embed"
)

// clusterTick and clusterElection are etcd's own defaults, in ms: members on several
// machines must bear a slow network.
const (
	clusterTick     = 100
	clusterElection = 1000
)

// Member is an embedded etcd as one of several that hold the state together. It goes on
// for as long as more than half of them do. The members are fixed: one that is lost is
// started again with its directory, or with one that Build makes, as all are when a backup
// is put back.
type Member struct {
	Name string // of this one
	// Peers are all members with the URLs at which they reach each other, this one too:
	// "a=https://10.0.0.1:2380,b=https://10.0.0.2:2380,c=https://10.0.0.3:2380".
	Peers string
	// Listen is where this one listens to the others; empty is the host and port of its URL.
	Listen string
	// CertFile and KeyFile are what this member shows to the others, and CAFile what it
	// wants of them. They may be missing where all members are on loopback.
	CertFile, KeyFile, CAFile string
}

// Validate names every fault at once.
func (m Member) Validate() error {
	if m.Name == "" && m.Peers == "" {
		return nil
	}
	if m.Name == "" || m.Peers == "" {
		return errors.New("etcd-name, etcd-peers: give both or none")
	}
	peers, err := m.peers()
	if err != nil {
		return fmt.Errorf("etcd-peers: %w", err)
	}
	var bad []error
	if peers[m.Name] == nil {
		bad = append(bad, fmt.Errorf("etcd-name: %q is none of the peers", m.Name))
	}
	if len(peers)%2 == 0 {
		bad = append(bad, fmt.Errorf("etcd-peers: %d members bear the loss of no more than %d do: want an odd number", len(peers), len(peers)-1))
	}
	return errors.Join(append(bad, m.badSecrecy(peers)...)...)
}

func (m Member) badSecrecy(peers map[string]*url.URL) (bad []error) {
	given := !slices.Contains([]string{m.CertFile, m.KeyFile, m.CAFile}, "")
	for _, name := range slices.Sorted(maps.Keys(peers)) {
		switch u := peers[name]; {
		case u.Scheme == "https" && !given:
			bad = append(bad, fmt.Errorf("etcd-peers: %s: https needs etcd-peer-cert-file, etcd-peer-key-file and etcd-peer-ca-file", name))
		case u.Scheme == "http" && !loopback(u.Hostname()):
			bad = append(bad, fmt.Errorf("etcd-peers: %s: the state, keys in it, would cross the network readable: want https", name))
		}
	}
	return bad
}

func (m Member) peers() (map[string]*url.URL, error) {
	out := map[string]*url.URL{}
	for one := range strings.SplitSeq(m.Peers, ",") {
		name, at, found := strings.Cut(strings.TrimSpace(one), "=")
		u, err := url.Parse(at)
		if !found || name == "" || err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Port() == "" {
			return nil, fmt.Errorf("%q: want name=https://host:port", one)
		}
		if out[name] != nil {
			return nil, fmt.Errorf("%q is named twice", name)
		}
		out[name] = u
	}
	return out, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// join makes an embedded etcd one of the members.
func (m Member) join(e *embed.Config) error {
	if err := m.Validate(); err != nil {
		return err
	}
	peers, err := m.peers()
	if err != nil {
		return err
	}
	own := *peers[m.Name]
	listen := own
	if m.Listen != "" {
		listen.Host = m.Listen
	} else if !loopback(own.Hostname()) && net.ParseIP(own.Hostname()) == nil {
		listen.Host = net.JoinHostPort("0.0.0.0", own.Port()) // etcd listens on addresses only
	}
	e.Name, e.InitialCluster = m.Name, m.Peers
	e.InitialClusterToken = "sightline"
	e.AdvertisePeerUrls, e.ListenPeerUrls = []url.URL{own}, []url.URL{listen}
	e.TickMs, e.ElectionMs = clusterTick, clusterElection
	if own.Scheme == "https" {
		e.PeerTLSInfo = transport.TLSInfo{CertFile: m.CertFile, KeyFile: m.KeyFile, TrustedCAFile: m.CAFile, ClientCertAuth: true}
	}
	return nil
}
