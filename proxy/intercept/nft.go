package intercept

import (
	"fmt"
	"net/netip"
	"strings"
)

const nftTable = "inet sightline"

// NFT is the rules as a script for nft, which replaces what an earlier one wrote.
func (r *Rules) NFT() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("table %s", nftTable) // so that there is one to delete
	line("delete table %s", nftTable)
	line("table %s {", nftTable)
	line("\tchain outbound {")
	line("\t\ttype nat hook output priority -100; policy accept;")
	line("\t\toifname \"lo\" return")
	line("\t\tmeta skuid { %s } return", join(r.users()))
	nftPorts(line, r.ExcludeOutboundPorts)
	nftCIDRs(line, r.ExcludeOutboundCIDRs, "return")
	if len(r.IncludeOutboundCIDRs) > 0 {
		nftCIDRs(line, r.IncludeOutboundCIDRs, fmt.Sprintf("meta l4proto tcp redirect to :%d", r.OutboundPort))
	} else {
		line("\t\tmeta l4proto tcp redirect to :%d", r.OutboundPort)
	}
	line("\t}")
	line("\tchain inbound {")
	line("\t\ttype nat hook prerouting priority -100; policy accept;")
	line("\t\tfib daddr type != local return") // forwarded for others
	nftPorts(line, r.inboundExcluded())
	if len(r.IncludeInboundPorts) > 0 {
		line("\t\ttcp dport { %s } redirect to :%d", join(unique(r.IncludeInboundPorts)), r.InboundPort)
	} else {
		line("\t\tmeta l4proto tcp redirect to :%d", r.InboundPort)
	}
	line("\t}")
	line("}")
	return b.String()
}

// nftUndo removes what NFT wrote; the table must be there.
const nftUndo = "delete table " + nftTable + "\n"

func nftPorts(line func(string, ...any), ports []uint16) {
	if len(ports) > 0 {
		line("\t\ttcp dport { %s } return", join(unique(ports)))
	}
}

func nftCIDRs(line func(string, ...any), all []netip.Prefix, verdict string) {
	for _, family := range []struct {
		word string
		has  func(netip.Addr) bool
	}{{"ip", netip.Addr.Is4}, {"ip6", netip.Addr.Is6}} {
		for _, p := range of(all, family.has) { // one rule each: overlapping ones make no set
			line("\t\t%s daddr %s %s", family.word, p, verdict)
		}
	}
}

func join[T any](all []T) string {
	words := make([]string, len(all))
	for i, v := range all {
		words[i] = fmt.Sprint(v)
	}
	return strings.Join(words, ", ")
}
