package main

import (
	"bytes"
	"io"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sightline-mesh/sightline/proxy/intercept"
)

func TestParseInit(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want initialise
	}{
		"little": {
			[]string{"--uid", "1337"},
			initialise{backend: intercept.Auto, rules: intercept.Rules{OutboundPort: 15001, InboundPort: 15006, UID: 1337, ExcludeInboundPorts: []uint16{22}}},
		},
		"everything": {
			[]string{
				"--uid", "root", "--outbound-port", "1", "--inbound-port=2", "--exclude-uids", "33, root",
				"--exclude-outbound-ports", "53,9200", "--include-outbound-cidrs", "10.0.0.0/8,fd00::/8", "--exclude-outbound-cidrs", "10.0.0.1",
				"--include-inbound-ports", "80", "--exclude-inbound-ports", "", "--backend", "iptables", "--print",
			},
			initialise{print: true, backend: intercept.IPTables, rules: intercept.Rules{
				OutboundPort: 1, InboundPort: 2, ExcludeUIDs: []uint32{33, 0}, ExcludeOutboundPorts: []uint16{53, 9200},
				IncludeOutboundCIDRs: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")},
				ExcludeOutboundCIDRs: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32")},
				IncludeInboundPorts:  []uint16{80},
			}},
		},
		"undo": {[]string{"--undo"}, initialise{undo: true, backend: intercept.Auto, rules: intercept.Rules{OutboundPort: 15001, InboundPort: 15006, ExcludeInboundPorts: []uint16{22}}}},
	} {
		got, err := parseInit(c.args, environ(nil), io.Discard)
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(initialise{}), cmpopts.EquateComparable(netip.Prefix{})); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
}

func TestInitNamesFaults(t *testing.T) {
	for want, args := range map[string][]string{
		"uid: want the user":               nil,
		`"70000" is not a port`:            {"--uid", "1", "--exclude-inbound-ports", "80,70000"},
		`"0" is not a port`:                {"--uid", "1", "--outbound-port", "0"},
		`"10.0.0.0/99": want a network`:    {"--uid", "1", "--exclude-outbound-cidrs", "10.0.0.0/99"},
		"unknown user nobody-of-that":      {"--uid", "nobody-of-that-name"},
		"want auto, nft or iptables":       {"--uid", "1", "--backend", "pf"},
		"inbound-port: 15001 is":           {"--uid", "1", "--inbound-port", "15001"},
		`no arguments beside flags: ["x"]`: {"--uid", "1", "x"},
	} {
		if _, err := parseInit(args, environ(nil), io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", args, err, want)
		}
	}
}

func TestInitPrintsAndChangesNothing(t *testing.T) {
	for want, args := range map[string][]string{
		"# nft -f -\ntable inet sightline\n":          {"--uid", "7"},
		"# iptables-restore --noflush\n*nat\n":        {"--uid", "7", "--backend", "iptables"},
		"# removes table inet sightline (nft), chain": {"--undo"},
	} {
		i, err := parseInit(append(args, "--print"), environ(nil), io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := i.run(t.Context(), &out); err != nil || !strings.HasPrefix(out.String(), want) {
			t.Errorf("%q: %v, %q", args, err, out.String())
		}
	}
}
