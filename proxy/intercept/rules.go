// Package intercept makes the kernel redirect an app's connections to its sidecar, by
// rules for nftables or iptables. It is told what to leave alone; everything else that
// the machine (or the pod, or the network namespace) opens over TCP goes to the
// outbound listener, and everything that comes in from outside to the inbound one.
//
// What is never redirected, whatever is asked for: connections to the machine itself
// (by loopback or by an address of its own), what the sidecar's user opens, and what
// is forwarded for others.
//
// The rules live in a table of their own (nftables: "inet sightline"), or in chains of
// their own that begin with SIGHTLINE_ (iptables). They are written in one transaction
// and removed without a trace, but for empty built-in chains that iptables may have
// made of its own accord.
package intercept

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// Rules say what is redirected.
type Rules struct {
	OutboundPort uint16 // of the sidecar's listener on loopback, of both families
	InboundPort  uint16 // of the one for connections from outside
	UID          uint32 // the sidecar's user: what it opens is left alone
	ExcludeUIDs  []uint32

	ExcludeOutboundPorts []uint16
	// IncludeOutboundCIDRs are the only destinations that are redirected; none is all.
	IncludeOutboundCIDRs []netip.Prefix
	ExcludeOutboundCIDRs []netip.Prefix

	// IncludeInboundPorts are the only ports that are redirected; none is all.
	IncludeInboundPorts []uint16
	ExcludeInboundPorts []uint16
}

// Validate names every fault at once.
func (r *Rules) Validate() error {
	var bad []error
	if r.OutboundPort == 0 {
		bad = append(bad, errors.New("outbound-port: 0 is no port to redirect to"))
	}
	if r.InboundPort == 0 {
		bad = append(bad, errors.New("inbound-port: 0 is no port to redirect to"))
	}
	if r.OutboundPort == r.InboundPort && r.OutboundPort != 0 {
		bad = append(bad, fmt.Errorf("inbound-port: %d is the outbound listener's", r.InboundPort))
	}
	return errors.Join(bad...)
}

// users are all whose connections are left alone, each once.
func (r *Rules) users() []uint32 { return unique(append([]uint32{r.UID}, r.ExcludeUIDs...)) }

// inboundExcluded are the ports that are left alone; the inbound listener's is one.
func (r *Rules) inboundExcluded() []uint16 {
	return unique(append([]uint16{r.InboundPort}, r.ExcludeInboundPorts...))
}

func unique[T uint16 | uint32](all []T) []T {
	out := slices.Clone(all)
	slices.Sort(out)
	return slices.Compact(out)
}

// of is the prefixes of one family, in the order they were given.
func of(all []netip.Prefix, family func(netip.Addr) bool) []netip.Prefix {
	var out []netip.Prefix
	for _, p := range all {
		if family(p.Addr()) {
			out = append(out, p.Masked())
		}
	}
	return out
}
