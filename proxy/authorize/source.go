package authorize

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// source is a compiled mesh.Source.
type source struct {
	principal, request, namespace, account, domain pair
	blocks, remote                                 blocks
}

func (s *source) fits(r *Request) bool {
	c := r.Caller
	return s.principal.fits(c.principal) && s.namespace.fits(c.namespace) && s.account.fits(c.account) &&
		s.domain.fits(c.trustDomain) && s.blocks.fits(c.ip) &&
		(!s.remote.asked() || s.remote.fits(remote(r))) &&
		(!s.request.asked() || s.request.fits(requestPrincipal(r)))
}

func requestPrincipal(r *Request) string {
	if r.Claims == nil {
		return ""
	}
	return r.Claims.Principal()
}

// remote is the address that the request says it came from: the last that X-Forwarded-For
// names, as nothing says how many proxies before the caller are to be trusted. Without one
// it is that of the connection. A caller may write what it likes there.
func remote(r *Request) netip.Addr {
	if r.Header == nil {
		return r.Caller.ip
	}
	list, _ := r.Header("x-forwarded-for")
	last := strings.Trim(list[strings.LastIndexByte(list, ',')+1:], " \t")
	if ip, err := netip.ParseAddr(strings.Trim(last, "[]")); err == nil {
		return ip.Unmap().WithZone("")
	}
	if at, err := netip.ParseAddrPort(last); err == nil {
		return at.Addr().Unmap().WithZone("")
	}
	return r.Caller.ip
}

// blocks are IP prefixes, and those that must not hold the address.
type blocks struct{ want, not []netip.Prefix }

func (b *blocks) fits(ip netip.Addr) bool {
	return (b.want == nil || holds(b.want, ip)) && !holds(b.not, ip)
}

// asked reports whether the blocks ask for anything.
func (b *blocks) asked() bool { return b.want != nil || b.not != nil }

func holds(prefixes []netip.Prefix, ip netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

// compiler notes every fault of one policy.
type compiler struct {
	domain string // the mesh's trust domain
	bad    []error
}

func (c *compiler) pair(field string, want, not []string, forms wildcards) pair {
	return pair{c.texts(field, want, forms), c.texts("not "+field, not, forms)}
}

func (c *compiler) texts(field string, values []string, forms wildcards) *texts {
	t, err := compileTexts(values, forms)
	if err != nil {
		c.bad = append(c.bad, fmt.Errorf("%s: %w", field, err))
	}
	return t
}

func (c *compiler) prefixes(field string, values []string) []netip.Prefix {
	var out []netip.Prefix
	for _, v := range values {
		p, err := parseBlock(v)
		if err != nil {
			c.bad = append(c.bad, fmt.Errorf("%s: %q: want an IP address or a CIDR prefix", field, v))
			continue
		}
		out = append(out, p)
	}
	return out
}

var errMapped = errors.New("an IPv4 prefix in IPv6 form")

func parseBlock(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		ip, err := netip.ParseAddr(s)
		if err != nil {
			return netip.Prefix{}, err
		}
		ip = ip.Unmap().WithZone("")
		return netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err == nil && p.Addr().Is4In6() {
		err = errMapped // callers' addresses are compared in IPv4 form, so it would fit none
	}
	return p.Masked(), err
}

func (c *compiler) source(s *mesh.Source) source {
	return source{
		principal: c.pair("principals", c.local(s.Principals), c.local(s.NotPrincipals), affixes),
		request:   c.pair("requestPrincipals", s.RequestPrincipals, s.NotRequestPrincipals, affixes),
		namespace: c.pair("namespaces", s.Namespaces, s.NotNamespaces, affixes),
		account:   c.pair("serviceAccounts", s.ServiceAccounts, s.NotServiceAccounts, 0),
		domain:    c.pair("trustDomains", s.TrustDomains, s.NotTrustDomains, affixes),
		blocks:    blocks{c.prefixes("ipBlocks", s.IPBlocks), c.prefixes("not ipBlocks", s.NotIPBlocks)},
		remote:    blocks{c.prefixes("remoteIpBlocks", s.RemoteIPBlocks), c.prefixes("not remoteIpBlocks", s.NotRemoteIPBlocks)},
	}
}

// clusterLocal stands for the mesh's own trust domain, whatever its name.
const clusterLocal = "cluster.local/"

// local puts the mesh's trust domain in the place of cluster.local.
func (c *compiler) local(principals []string) []string {
	var out []string
	for _, p := range principals {
		if rest, ok := strings.CutPrefix(p, clusterLocal); ok && c.domain != "" {
			p = c.domain + "/" + rest
		}
		out = append(out, p)
	}
	return out
}
