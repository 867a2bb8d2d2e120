package intercept

import (
	"fmt"
	"net/netip"
	"strings"
)

// The chains of iptables that are ours, and the rules that lead to them.
const (
	chainOut = "SIGHTLINE_OUTBOUND"
	chainIn  = "SIGHTLINE_INBOUND"
	jumpOut  = "OUTPUT -p tcp -j " + chainOut
	jumpIn   = "PREROUTING -p tcp -m addrtype --dst-type LOCAL -j " + chainIn
)

// IPTables is the rules as input of iptables-restore --noflush. What was written before,
// as iptables-save says, is replaced.
func (r *Rules) IPTables(saved string) string { return r.iptables(saved, netip.Addr.Is4) }

// IP6Tables is the same for ip6tables-restore.
func (r *Rules) IP6Tables(saved string) string { return r.iptables(saved, netip.Addr.Is6) }

func (r *Rules) iptables(saved string, family func(netip.Addr) bool) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("*nat")
	unwrite(line, saved)
	line(":%s - [0:0]", chainOut)
	line(":%s - [0:0]", chainIn)
	line("-A %s -o lo -j RETURN", chainOut)
	for _, u := range r.users() {
		line("-A %s -m owner --uid-owner %d -j RETURN", chainOut, u)
	}
	for _, p := range unique(r.ExcludeOutboundPorts) {
		line("-A %s -p tcp --dport %d -j RETURN", chainOut, p)
	}
	for _, p := range of(r.ExcludeOutboundCIDRs, family) {
		line("-A %s -d %s -j RETURN", chainOut, p)
	}
	for _, p := range of(r.IncludeOutboundCIDRs, family) {
		line("-A %s -d %s -p tcp -j REDIRECT --to-ports %d", chainOut, p, r.OutboundPort)
	}
	if len(r.IncludeOutboundCIDRs) == 0 {
		line("-A %s -p tcp -j REDIRECT --to-ports %d", chainOut, r.OutboundPort)
	}
	for _, p := range r.inboundExcluded() {
		line("-A %s -p tcp --dport %d -j RETURN", chainIn, p)
	}
	for _, p := range unique(r.IncludeInboundPorts) {
		line("-A %s -p tcp --dport %d -j REDIRECT --to-ports %d", chainIn, p, r.InboundPort)
	}
	if len(r.IncludeInboundPorts) == 0 {
		line("-A %s -p tcp -j REDIRECT --to-ports %d", chainIn, r.InboundPort)
	}
	line("-A %s", jumpOut)
	line("-A %s", jumpIn)
	line("COMMIT")
	return b.String()
}

// iptablesUndo removes what IPTables wrote, as far as iptables-save says it is there;
// empty if nothing is.
func iptablesUndo(saved string) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	unwrite(line, saved)
	if b.Len() == 0 {
		return ""
	}
	return "*nat\n" + b.String() + "COMMIT\n"
}

// unwrite takes back every jump to our chains, however often it is there, and then
// the chains.
func unwrite(line func(string, ...any), saved string) {
	var chains []string
	for s := range strings.Lines(saved) {
		s = strings.TrimSpace(s)
		switch {
		case s == "-A "+jumpOut, s == "-A "+jumpIn:
			line("-D %s", strings.TrimPrefix(s, "-A "))
		case strings.HasPrefix(s, ":"+chainOut+" "):
			chains = append(chains, chainOut)
		case strings.HasPrefix(s, ":"+chainIn+" "):
			chains = append(chains, chainIn)
		}
	}
	for _, c := range chains {
		line("-F %s", c)
		line("-X %s", c)
	}
}
