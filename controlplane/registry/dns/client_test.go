package dns

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// server answers over UDP and TCP, on one port of loopback.
func server(t *testing.T, handle dns.HandlerFunc) string {
	t.Helper()
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	streams, err := net.Listen("tcp", packets.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*dns.Server{{PacketConn: packets, Handler: handle}, {Listener: streams, Handler: handle}} {
		ended := make(chan error, 1)
		ready := make(chan struct{})
		s.NotifyStartedFunc = func() { close(ready) }
		go func() { ended <- s.ActivateAndServe() }()
		<-ready
		t.Cleanup(func() {
			if err := s.Shutdown(); err != nil {
				t.Error(err)
			}
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
	return packets.LocalAddr().String()
}

func record(t *testing.T, text string) dns.RR {
	t.Helper()
	rr, err := dns.NewRR(text)
	if err != nil {
		t.Fatal(err)
	}
	return rr
}

func TestClient(t *testing.T) {
	records := map[string][]string{
		"A api.example.com.":        {"api.example.com. 300 CNAME lb.example.com.", "lb.example.com. 20 A 192.0.2.1", "lb.example.com. 60 A 192.0.2.2", "lb.example.com. 1 TXT x"},
		"AAAA six.example.com.":     {"six.example.com. 60 AAAA 2001:db8::1", "six.example.com. 60 AAAA ::"},
		"SRV _pg._tcp.example.com.": {"_pg._tcp.example.com. 60 SRV 10 5 5432 DB.example.com.", "_pg._tcp.example.com. 60 SRV 0 0 0 ."},
	}
	for n := range 200 {
		records["A many.example.com."] = append(records["A many.example.com."], fmt.Sprintf("many.example.com. 60 A 10.0.0.%d", n+1))
	}
	at := server(t, func(w dns.ResponseWriter, q *dns.Msg) {
		r := new(dns.Msg).SetReply(q)
		name := q.Question[0].Name
		for _, text := range records[dns.TypeToString[q.Question[0].Qtype]+" "+name] {
			r.Answer = append(r.Answer, record(t, text))
		}
		switch {
		case name == "away.example.com.":
			r.Rcode = dns.RcodeServerFailure
		case len(r.Answer) == 0:
			r.Rcode, r.Ns = dns.RcodeNameError, []dns.RR{record(t, "example.com. 600 SOA ns. h. 1 1 1 1 30")}
		}
		if _, tcp := w.RemoteAddr().(*net.TCPAddr); !tcp {
			r.Truncate(udpSize)
		}
		_ = w.WriteMsg(r)
	})
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	silent.Close() // it answers that nobody listens
	c := NewClient(silent.LocalAddr().String(), at)
	for _, tt := range []struct {
		name string
		kind Kind
		want string
	}{
		{"api.example.com", A, "[192.0.2.1 192.0.2.2] [] 20s"},
		{"api.example.com", AAAA, "[] [] 30s"},
		{"six.example.com", AAAA, "[2001:db8::1] [] 1m0s"},
		{"_pg._tcp.example.com", SRV, "[] [{10 db.example.com 5432}] 1m0s"},
	} {
		a, err := c.Resolve(t.Context(), tt.name, tt.kind)
		if got := fmt.Sprint(a.Addresses, a.Servers, a.Life); err != nil || got != tt.want {
			t.Errorf("%s of %s: %s, %v; want %s", tt.kind, tt.name, got, err, tt.want)
		}
	}
	if a, err := c.Resolve(t.Context(), "many.example.com", A); err != nil || len(a.Addresses) != 200 || a.Life != time.Minute {
		t.Errorf("%d addresses for %s, %v: what has no room in a packet comes over TCP", len(a.Addresses), a.Life, err)
	}
	if _, err := c.Resolve(t.Context(), "away.example.com", A); err == nil || !strings.Contains(err.Error(), "ask for A of away.example.com: ") || !strings.Contains(err.Error(), at+": servfail") {
		t.Errorf("%v", err)
	}
}

func TestCheckServers(t *testing.T) {
	if err := CheckServers([]string{"10.0.0.2:53", "[::1]:5353"}); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"10.0.0.2", "dns.example.com:53", ":53", "10.0.0.2:0"} {
		if err := CheckServers([]string{bad}); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// FuzzRead: whatever a server says, what is used of it can be called.
func FuzzRead(f *testing.F) {
	m := new(dns.Msg).SetQuestion("a.example.com.", dns.TypeA)
	for _, text := range []string{"a.example.com. 5 A 192.0.2.1", "a.example.com. 5 AAAA ::ffff:1.2.3.4", "a.example.com. 5 SRV 1 1 1 b."} {
		rr, err := dns.NewRR(text)
		if err != nil {
			f.Fatal(err)
		}
		m.Answer = append(m.Answer, rr)
	}
	raw, err := m.Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, raw []byte) {
		var m dns.Msg
		if m.Unpack(raw) != nil {
			return
		}
		a, err := read(&m)
		if err != nil {
			return
		}
		for _, at := range a.Addresses {
			if !at.IsValid() || at.Is4In6() || at.IsUnspecified() || at == (netip.Addr{}) {
				t.Errorf("address %s", at)
			}
		}
		if a.Life < 0 {
			t.Errorf("life %s", a.Life)
		}
	})
}
