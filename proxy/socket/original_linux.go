package socket

import (
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// soOriginalDst is SO_ORIGINAL_DST of netfilter, and IP6T_SO_ORIGINAL_DST.
const soOriginalDst = 80

// OriginalDst is where a connection was going before the kernel redirected it here,
// and whether it was.
func OriginalDst(c net.Conn) (netip.AddrPort, bool) {
	local, ok := c.LocalAddr().(*net.TCPAddr)
	raw := below(c)
	if !ok || raw == nil {
		return netip.AddrPort{}, false
	}
	here := local.AddrPort()
	here = netip.AddrPortFrom(here.Addr().Unmap().WithZone(""), here.Port())
	var at netip.AddrPort
	var err error
	controlErr := raw.Control(func(fd uintptr) {
		if here.Addr().Is4() {
			at, err = original4(int(fd))
		} else {
			at, err = original6(int(fd))
		}
	})
	if controlErr != nil || err != nil || at == here {
		return netip.AddrPort{}, false
	}
	return at, true
}

// original4 also serves IPv4 connections on sockets of both families.
func original4(fd int) (netip.AddrPort, error) {
	// The answer is a sockaddr_in of 16 bytes, which fits the 20 of this structure.
	m, err := unix.GetsockoptIPv6Mreq(fd, unix.SOL_IP, soOriginalDst)
	if err != nil {
		return netip.AddrPort{}, err
	}
	b := m.Multiaddr
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:8])), uint16(b[2])<<8|uint16(b[3])), nil
}

func original6(fd int) (netip.AddrPort, error) {
	m, err := unix.GetsockoptIPv6MTUInfo(fd, unix.SOL_IPV6, soOriginalDst)
	if err != nil {
		return netip.AddrPort{}, err
	}
	port := m.Addr.Port<<8 | m.Addr.Port>>8 // of network order
	return netip.AddrPortFrom(netip.AddrFrom16(m.Addr.Addr), port), nil
}
