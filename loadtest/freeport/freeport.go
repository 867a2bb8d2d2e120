// Package freeport finds loopback ports for programs that are started a moment later.
//
// A port that the kernel chose is one of those it also gives to outgoing connections:
// by the time the program listens, another connection may have it. So the ports are
// looked for below that range, at random, since several finders may be at work.
package freeport

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
)

// Where ports are looked for: above what well-known programs and the mesh itself use,
// and below what the kernel gives out, which is this where it does not say.
const (
	lowest   = 20_000
	assigned = 32_768
)

// tries is how often a port is looked for before it is given up.
const tries = 1000

// remembered is how many ports a process does not find again: whoever was told of one may
// not listen on it yet.
const remembered = 2000

// told are the ports that were found last, in turn.
var told struct {
	sync.Mutex

	ports [remembered]int
	next  int
}

// fresh reports whether a port was not found lately, and remembers it.
func fresh(port int) bool {
	told.Lock()
	defer told.Unlock()
	if slices.Contains(told.ports[:], port) {
		return false
	}
	told.ports[told.next%remembered] = port
	told.next++
	return true
}

// Find finds n loopback addresses that nobody listens on, and that no call in this process
// has found lately.
func Find(ctx context.Context, n int) ([]netip.AddrPort, error) {
	below := firstAssigned("/proc/sys/net/ipv4/ip_local_port_range")
	var out []netip.AddrPort
	for range n {
		l, err := listen(ctx, below)
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer func() { _ = l.Close() }() // when all are found, so that none is found twice
		out = append(out, l.Addr().(*net.TCPAddr).AddrPort())
	}
	return out, nil
}

func listen(ctx context.Context, below int) (net.Listener, error) {
	var conf net.ListenConfig
	if below <= lowest { // a machine that gives out nearly all ports
		return conf.Listen(ctx, "tcp", "127.0.0.1:0")
	}
	var last error
	for range tries {
		port := lowest + rand.IntN(below-lowest)
		l, err := conf.Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		switch {
		case err != nil:
			last = err
		case fresh(port):
			return l, nil
		default:
			_ = l.Close()
		}
	}
	return nil, errors.Join(fmt.Errorf("none of %d tries between %d and %d", tries, lowest, below), last)
}

// firstAssigned is the lowest port that the kernel gives to outgoing connections.
func firstAssigned(path string) int {
	b, err := os.ReadFile(path)
	if err != nil {
		return assigned
	}
	var low, high int
	if _, err := fmt.Sscan(string(b), &low, &high); err != nil || low < 1 || low > 65_535 {
		return assigned
	}
	return low
}
