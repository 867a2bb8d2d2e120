package serve

import (
	"strings"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/proxy/http2"
)

// FuzzGRPCTimeout: what is read is never below zero, and what is written of it is read
// as no more.
func FuzzGRPCTimeout(f *testing.F) {
	for _, s := range []string{"1H", "2M", "3S", "40m", "50u", "60n", "99999999H", "0S", "", "S", "1s", "-1S", "+1S", "999999999S"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, ok := parseGRPCTimeout(s)
		if !ok {
			return
		}
		if d < 0 || d > maxGRPCTimeout {
			t.Fatalf("%q is read as %v", s, d)
		}
		if d == 0 {
			return
		}
		again, ok := parseGRPCTimeout(formatGRPCTimeout(d))
		if !ok || again > d || d-again > d/1000 {
			t.Errorf("%q is %v, written %q and read as %v", s, d, formatGRPCTimeout(d), again)
		}
	})
}

// FuzzPauses: what answers ask for is bounded.
func FuzzPauses(f *testing.F) {
	for _, s := range []string{"120", "0", "-1", "4294967296", "Fri, 31 Dec 1999 23:59:59 GMT", "Fri, 31 Dec 2100 23:59:59 GMT", "timeout=5, max=100", "timeout=99999", "Timeout = 5", ""} {
		f.Add(s)
	}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		for name, d := range map[string]time.Duration{"retry-after": retryAfter(s, now), "pushback": pushback(s), "keep-alive": keptFor(s)} {
			if d < 0 || d > mostAfter {
				t.Errorf("%s: %q is read as %v", name, s, d)
			}
		}
	})
}

// FuzzHosts: a host names a service or none, the same with whatever port, and the same
// again when it is remembered.
func FuzzHosts(f *testing.F) {
	for _, s := range []string{"cart", "cart:8080", "cart.other.svc.cluster.local:80", "CART", "", "a..b", "example.com.au", "[::1]:80", "10.0.0.1:443", "cart."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, host string) {
		h := hosts{namespace: "shop"}
		first, err := h.service(host)
		second, again := h.service(host)
		if first != second || (err == nil) != (again == nil) {
			t.Errorf("%q: %v, %v and then %v, %v", host, first, err, second, again)
		}
		if err != nil || strings.ContainsAny(host, ":[]") {
			return
		}
		if other, err := h.service(host + ":80"); err != nil || other != (named{first.service, 80}) {
			t.Errorf("%q: %v; with a port %v, %v", host, first, other, err)
		}
		if strings.ContainsAny(string(first.service), "/: \r\n\x00") {
			t.Errorf("%q names %q", host, first.service)
		}
	})
}

// FuzzServerName: what a caller says of ports in a handshake is a port or none, and what
// a sidecar says is understood.
func FuzzServerName(f *testing.F) {
	for _, s := range []string{"", "reviews", "outbound_.9090_._.hello.default.svc.cluster.local", "outbound_.0_._.a", "outbound_.99999_._.a", "outbound_.-1_._.a", "outbound_.9090"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		port, ok := askedPort(s)
		if ok == (port == 0) {
			t.Errorf("%q: %d, %v", s, port, ok)
		}
		if ok {
			if again, ok := askedPort(ServerName(port, "hello.shop")); !ok || again != port {
				t.Errorf("%d becomes %d, %v", port, again, ok)
			}
		}
	})
}

// FuzzGRPCStatus: a status in a head or in trailers is a code or none.
func FuzzGRPCStatus(f *testing.F) {
	for _, s := range []string{"0", "14", "-1", "99999", "", " 1", "1 ", "0x1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		h := &http2.Head{}
		h.Add("grpc-status", s)
		if code := grpcStatus(h); code < -1 || code > 1<<16 {
			t.Errorf("%q is read as %d", s, code)
		}
		if m := grpcMessage(s); strings.ContainsFunc(m, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%q becomes %q", s, m)
		}
	})
}
