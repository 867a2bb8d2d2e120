package freeport

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
)

func TestFoundPortsAreDifferentAndStayFree(t *testing.T) {
	ports, err := Find(t.Context(), 50)
	if err != nil {
		t.Fatal(err)
	}
	first := firstAssigned("/proc/sys/net/ipv4/ip_local_port_range")
	seen := map[netip.AddrPort]bool{}
	for _, p := range ports {
		if seen[p] || !p.Addr().IsLoopback() || int(p.Port()) >= first && first > lowest {
			t.Errorf("port %s of %v, where connections get those from %d", p, ports, first)
		}
		seen[p] = true
		l, err := net.Listen("tcp", p.String())
		if err != nil {
			t.Errorf("%s is not free: %v", p, err)
			continue
		}
		defer func() { _ = l.Close() }()
	}
}

func TestMachinesThatGiveOutAllPorts(t *testing.T) {
	l, err := listen(t.Context(), lowest)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func TestFirstAssigned(t *testing.T) {
	for text, want := range map[string]int{"32768\t60999\n": 32768, "1024 65535": 1024, "junk": assigned, "0 5": assigned} {
		path := filepath.Join(t.TempDir(), "range")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := firstAssigned(path); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
	if got := firstAssigned("/nonexistent"); got != assigned {
		t.Errorf("without the kernel's word: %d", got)
	}
}

func TestNoPortIsFoundTwice(t *testing.T) {
	seen := map[uint16]bool{}
	for range 1000 {
		ports, err := Find(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		if p := ports[0].Port(); seen[p] {
			t.Fatalf("port %d was found twice", p)
		}
		seen[ports[0].Port()] = true
	}
}
