package intercept

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

func prefixes(all ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range all {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// cases are the rules with every setting alone and all together.
func cases() map[string]Rules {
	plain := Rules{OutboundPort: 15001, InboundPort: 15006, UID: 1337}
	with := func(f func(r *Rules)) Rules {
		r := plain
		f(&r)
		return r
	}
	all := func(r *Rules) {
		r.ExcludeUIDs = []uint32{0, 1337, 33}
		r.ExcludeOutboundPorts = []uint16{9200, 53, 53}
		r.IncludeOutboundCIDRs = prefixes("10.0.0.0/8", "fd00::/8")
		r.ExcludeOutboundCIDRs = prefixes("10.1.2.3/16", "10.1.0.0/24", "fd00:1::/32")
		r.IncludeInboundPorts = []uint16{8080, 9090}
		r.ExcludeInboundPorts = []uint16{22, 8081}
	}
	return map[string]Rules{
		"plain":                  plain,
		"ports":                  with(func(r *Rules) { r.OutboundPort, r.InboundPort = 1, 2 }),
		"exclude-uids":           with(func(r *Rules) { r.ExcludeUIDs = []uint32{0, 1337, 33} }),
		"exclude-outbound-ports": with(func(r *Rules) { r.ExcludeOutboundPorts = []uint16{9200, 53, 53} }),
		"include-outbound-cidrs": with(func(r *Rules) { r.IncludeOutboundCIDRs = prefixes("10.0.0.0/8", "fd00::/8") }),
		"exclude-outbound-cidrs": with(func(r *Rules) { r.ExcludeOutboundCIDRs = prefixes("10.1.2.3/16", "fd00:1::/32") }),
		"include-inbound-ports":  with(func(r *Rules) { r.IncludeInboundPorts = []uint16{9090, 8080} }),
		"exclude-inbound-ports":  with(func(r *Rules) { r.ExcludeInboundPorts = []uint16{22, 8081} }),
		"everything":             with(all),
	}
}

func TestRuleText(t *testing.T) {
	for name, r := range cases() {
		golden(t, name+".nft", r.NFT())
		golden(t, name+".iptables", r.IPTables(""))
		golden(t, name+".ip6tables", r.IP6Tables(""))
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestIPTablesTakesBackWhatIsThere(t *testing.T) {
	saved := `*nat
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [5:300]
:DOCKER - [0:0]
:SIGHTLINE_INBOUND - [0:0]
:SIGHTLINE_OUTBOUND - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A PREROUTING -p tcp -m addrtype --dst-type LOCAL -j SIGHTLINE_INBOUND
-A OUTPUT -p tcp -j SIGHTLINE_OUTBOUND
-A OUTPUT -p tcp -j SIGHTLINE_OUTBOUND
-A SIGHTLINE_OUTBOUND -p tcp -j REDIRECT --to-ports 15001
COMMIT
`
	want := `*nat
-D PREROUTING -p tcp -m addrtype --dst-type LOCAL -j SIGHTLINE_INBOUND
-D OUTPUT -p tcp -j SIGHTLINE_OUTBOUND
-D OUTPUT -p tcp -j SIGHTLINE_OUTBOUND
-F SIGHTLINE_INBOUND
-X SIGHTLINE_INBOUND
-F SIGHTLINE_OUTBOUND
-X SIGHTLINE_OUTBOUND
COMMIT
`
	if diff := cmp.Diff(want, iptablesUndo(saved)); diff != "" {
		t.Error(diff)
	}
	if got := iptablesUndo("*nat\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"); got != "" {
		t.Errorf("with nothing there: %q", got)
	}
	r := Rules{OutboundPort: 1, InboundPort: 2}
	if again := r.IPTables(saved); !strings.HasPrefix(again, strings.TrimSuffix(want, "COMMIT\n")+":SIGHTLINE_OUTBOUND - [0:0]\n") {
		t.Errorf("written again:\n%s", again)
	}
}

func TestFaultsAreNamed(t *testing.T) {
	for want, r := range map[string]Rules{
		"outbound-port: 0":    {InboundPort: 1},
		"inbound-port: 0":     {OutboundPort: 1},
		"inbound-port: 15001": {OutboundPort: 15001, InboundPort: 15001},
	} {
		if err := r.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if _, err := ParseBackend("ipchains"); err == nil || !strings.Contains(err.Error(), "want auto, nft or iptables") {
		t.Errorf("got %v", err)
	}
}
