//go:build !linux

package socket

import (
	"net"
	"net/netip"
)

// OriginalDst is where a connection was going before the kernel redirected it here.
// Only Linux can tell.
func OriginalDst(net.Conn) (netip.AddrPort, bool) { return netip.AddrPort{}, false }
