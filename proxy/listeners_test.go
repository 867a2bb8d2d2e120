package proxy

import (
	"log/slog"
	"net"
	"strings"
	"testing"
)

func listening(t *testing.T, addr string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func TestTakenStablePortGivesWay(t *testing.T) {
	taken := listening(t, "127.0.0.1:0").Addr().String()
	l, err := listenOn(t.Context(), "", taken)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if l.Addr().String() == taken || !strings.HasPrefix(l.Addr().String(), "127.0.0.1:") {
		t.Errorf("listens on %s, want another port of the same host", l.Addr())
	}
	if _, err := listenOn(t.Context(), taken, ""); err == nil {
		t.Error("a taken port that was asked for is no error")
	}
}

func TestEveryListenerThatFailsIsNamed(t *testing.T) {
	taken := listening(t, "127.0.0.1:0").Addr().String()
	_, err := bind(t.Context(), Config{
		Namespace: "default", Outbound: taken, Inbound: "127.0.0.1:0", Admin: taken,
		Upstreams: map[string]Upstream{"orders": {Address: taken}},
	}, slog.New(slog.DiscardHandler))
	for _, want := range []string{"outbound", "admin", "upstream orders"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("bind = %v, want %q named", err, want)
		}
	}
}

func TestAdvertisedAddress(t *testing.T) {
	f := func(c Config, inbound net.TCPAddr, want string) {
		t.Helper()
		if got, err := advertised(t.Context(), c, &inbound); err != nil || got.String() != want {
			t.Errorf("advertised(%+v) = %q, %v; want %q", c, got, err, want)
		}
	}
	any4 := net.TCPAddr{IP: net.IPv6unspecified, Port: 15006}
	f(Config{Advertise: "10.0.0.9"}, any4, "10.0.0.9:15006")
	f(Config{ControlPlane: "127.0.0.1:15012"}, any4, "127.0.0.1:15006")
	f(Config{}, net.TCPAddr{IP: net.IPv4(127, 0, 0, 3), Port: 99}, "127.0.0.3:99")
}
