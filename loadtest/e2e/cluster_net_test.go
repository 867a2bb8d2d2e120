package e2e

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// drop has the network lose packets between hosts: each pair is from, to. Nobody is told;
// all else arrives. It holds until pass.
func (network) drop(t *testing.T, hosts map[string]string, pairs ...[2]string) {
	t.Helper()
	var from []string
	to := map[string][]string{}
	for _, p := range pairs {
		if !slices.Contains(from, p[0]) {
			from = append(from, p[0])
		}
		to[p[0]] = append(to[p[0]], hosts[p[1]])
	}
	var script strings.Builder
	script.WriteString("table netdev lost {\n")
	for _, host := range from {
		// What enters the bridge by a host's port is what the host sends.
		fmt.Fprintf(&script, "chain %s { type filter hook ingress device \"to-%s\" priority 0; ip daddr { %s } drop; }\n", host, host, strings.Join(to[host], ", "))
	}
	script.WriteString("}\n")
	c := exec.Command("nft", "-f", "-") // this process is among the workloads, where the bridge is
	c.Stdin = strings.NewReader(script.String())
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("nft: %v: %s\n%s", err, out, script.String())
	}
}

// pass ends what drop began.
func (network) pass(t *testing.T) {
	t.Helper()
	if out, err := exec.Command("nft", "delete", "table", "netdev", "lost").CombinedOutput(); err != nil {
		t.Fatalf("nft: %v: %s", err, out)
	}
}

// between are all pairs of two sets of hosts, both ways.
func between(a, b []string) (out [][2]string) {
	for _, x := range a {
		for _, y := range b {
			out = append(out, [2]string{x, y}, [2]string{y, x})
		}
	}
	return out
}

// filters skips where the network cannot be made to lose packets.
func filters(t *testing.T) {
	t.Helper()
	if out, err := exec.Command("nft", "list", "tables").CombinedOutput(); err != nil {
		t.Skipf("nftables cannot be used here: %v: %s", err, out)
	}
}
