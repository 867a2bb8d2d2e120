package listen

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

// detected serves a listener that tells what it takes each connection for, once the
// client has ended its side.
func detected(t *testing.T, d Detection) (addr string, got chan Protocol) {
	t.Helper()
	got = make(chan Protocol, 1)
	addr, _ = serve(t, Config{}, func(_ context.Context, c *Conn) {
		p, err := Detect(c, d)
		if err != nil {
			t.Error(err)
		}
		c.Enter(Busy)
		got <- p
		if _, err := io.ReadAll(c); err != nil { // nothing was taken out, no deadline is left
			t.Error(err)
		}
	})
	return addr, got
}

func TestDetect(t *testing.T) {
	const long = "/0123456789"
	for _, tt := range []struct {
		sent       string
		http, open Protocol // where only HTTP is known, and where all is
	}{
		{"GET / HTTP/1.1\r\n", HTTP1, HTTP1},
		{"POST /a?b HTTP/1.0\r\n", HTTP1, HTTP1},
		{"PRI * HTTP/1.1\r\n\r\n", HTTP1, HTTP1},
		{"M-SEARCH * HTTP/1.1\r\n", HTTP1, HTTP1},
		{"GET " + strings.Repeat(long, 30) + " HTTP/1.1\r\n", HTTP1, HTTP1},
		{preface + "and a setting", HTTP2, HTTP2},
		{preface, HTTP2, HTTP2},
		{"\x16\x03\x01\x02\x00\x01\x00", HTTP1, TLS},
		{"\x16\x03\x01\x02\x00\x02\x00", HTTP1, TCP},
		{"\x16\x02\x01", HTTP1, TCP},
		{"PING\r\n", HTTP1, TCP},
		{"SET a b\r\n", HTTP1, TCP},
		{"*1\r\n$4\r\nPING\r\n", HTTP1, TCP},
		{"\x00\x00\x00\x08\x04\xd2\x16\x2f", HTTP1, TCP},
		{"get / HTTP/1.1\r\n", HTTP1, TCP},
		{" GET / HTTP/1.1\r\n", HTTP1, TCP},
		{"ABCDEFGHIJKLMNOPQRSTUVWXYZ", HTTP1, TCP},
	} {
		for _, opaque := range []bool{false, true} {
			want := tt.http
			if opaque {
				want = tt.open
			}
			if got, sure := classify([]byte(tt.sent), opaque); got != want || !sure {
				t.Errorf("%q, opaque %v: %d, sure %v; want %d", tt.sent, opaque, got, sure, want)
			}
			for n := range tt.sent { // a part never decides for something else
				if got, sure := classify([]byte(tt.sent[:n]), opaque); sure && got != want {
					t.Errorf("%q, opaque %v: the first %d decide for %d", tt.sent, opaque, n, got)
				}
			}
		}
	}
}

func TestDetectPutsTogetherWhatComesInParts(t *testing.T) {
	addr, got := detected(t, Detection{Opaque: true, Silence: time.Minute})
	for sent, want := range map[string]Protocol{
		preface: HTTP2, "GET / HTTP/1.1\r\n": HTTP1, "\x16\x03\x01\x02\x00\x01\x00": TLS,
	} {
		c := dial(t, addr)
		fmt.Fprint(c, sent[:3])
		time.AfterFunc(20*time.Millisecond, func() { fmt.Fprint(c, sent[3:]); must(t, c.CloseWrite()) })
		if p := <-got; p != want {
			t.Errorf("%q: %d, want %d", sent, p, want)
		}
	}
}

func TestDetectLosesPatience(t *testing.T) {
	addr, got := detected(t, Detection{Opaque: true})
	for sent, want := range map[string]Protocol{"GET /": HTTP1, "\x16\x03": TCP, "PIN": TCP} {
		c := dial(t, addr)
		fmt.Fprint(c, sent)
		if p := <-got; p != want {
			t.Errorf("%q and no more: %d, want %d", sent, p, want)
		}
		must(t, c.CloseWrite())
	}
}

func TestSilentClientsWaitForTheServer(t *testing.T) {
	addr, got := detected(t, Detection{Opaque: true, Silence: 20 * time.Millisecond})
	c := dial(t, addr)
	if p := <-got; p != TCP {
		t.Errorf("got %d", p)
	}
	fmt.Fprint(c, "and now it speaks") // no deadline cuts it off
	must(t, c.CloseWrite())
}

func FuzzClassify(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\n"), true)
	f.Add([]byte(preface), false)
	f.Add([]byte("\x16\x03\x01\x02\x00\x01\x00"), true)
	f.Fuzz(func(t *testing.T, b []byte, opaque bool) {
		b = b[:min(len(b), inspected)]
		if p, sure := classify(b, opaque); sure && len(b) < inspected {
			if again, still := classify(append(slices.Clip(b), 'x'), opaque); again != p || !still {
				t.Errorf("%q is %d for sure, with a byte more %d", b, p, again)
			}
		}
	})
}
