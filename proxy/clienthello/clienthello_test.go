package clienthello

import (
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// hello is what Go's client sends first.
func hello(t testing.TB, c *tls.Config) []byte {
	t.Helper()
	client, server := net.Pipe()
	go func() {
		tls.Client(client, c).Handshake() //nolint:errcheck // nobody answers
	}()
	b := make([]byte, Max)
	n, err := server.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	server.Close()
	client.Close()
	return b[:n]
}

// split makes records of at most n bytes of content of one record.
func split(b []byte, n int) []byte {
	var out []byte
	for content := b[recordHeader:]; len(content) > 0; {
		m := min(n, len(content))
		out = append(out, b[0], b[1], b[2], byte(m>>8), byte(m))
		out = append(out, content[:m]...)
		content = content[m:]
	}
	return out
}

func TestParse(t *testing.T) {
	full := hello(t, &tls.Config{ServerName: "DB.Shop.svc.cluster.local", NextProtos: []string{"h2", "postgresql"}})
	want := Hello{ServerName: "db.shop.svc.cluster.local", ALPN: []string{"h2", "postgresql"}}
	for name, c := range map[string]struct {
		in   []byte
		want Hello
	}{
		"Go's":               {full, want},
		"with more":          {append(slices.Clip(full), "\x17\x03\x03\x00"...), want},
		"in small records":   {split(full, 7), want},
		"post-quantum":       {hello(t, &tls.Config{ServerName: "a", CurvePreferences: []tls.CurveID{tls.X25519MLKEM768}}), Hello{ServerName: "a"}},
		"by address: no SNI": {hello(t, &tls.Config{ServerName: "10.0.0.1"}), Hello{}},
		"TLS 1.3 alone":      {hello(t, &tls.Config{ServerName: "b", MinVersion: tls.VersionTLS13}), Hello{ServerName: "b", OnlyTLS13: true}},
		"TLS 1.2":            {hello(t, &tls.Config{ServerName: "b", MaxVersion: tls.VersionTLS12}), Hello{ServerName: "b"}},
	} {
		got, err := Parse(c.in)
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
	for n := range full {
		if _, err := Parse(full[:n]); !errors.Is(err, ErrIncomplete) {
			t.Fatalf("the first %d of %d bytes: %v", n, len(full), err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	full := hello(t, &tls.Config{ServerName: "a.b"})
	edited := func(at int, to byte) []byte {
		b := append([]byte(nil), full...)
		b[at] = to
		return b
	}
	for name, c := range map[string]struct {
		in   []byte
		want string
	}{
		"HTTP":               {[]byte("GET / HTTP/1.1\r\n\r\n"), "record is of type 71"},
		"SSL 2":              {[]byte("\x80\x2e\x01"), "record is of type 128"},
		"another version":    {[]byte("\x16\x02"), "version 2"},
		"an empty record":    {[]byte("\x16\x03\x01\x00\x00"), "says it has 0 bytes"},
		"a huge record":      {[]byte("\x16\x03\x01\xff\xff"), "says it has 65535 bytes"},
		"a server's hello":   {edited(5, 2), "first message is of type 2"},
		"... from its start": {[]byte("\x16\x03\x01\x00\x40\x02"), "first message is of type 2"},
		"a huge message":     {edited(6, 1), "it says it has"},
		"a long session":     {edited(5+4+34, 255), "do not fit"},
	} {
		if _, err := Parse(c.in); !errors.Is(err, ErrNotTLS) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestHelloWithoutExtensions(t *testing.T) {
	body := append([]byte{3, 1}, make([]byte, 32)...)
	body = append(body, 0, 0, 2, 0, 47, 1, 0) // no session, one cipher suite, no compression
	message := append([]byte{1, 0, 0, byte(len(body))}, body...)
	b := append([]byte{22, 3, 1, 0, byte(len(message))}, message...)
	if got, err := Parse(b); err != nil || got.ServerName != "" {
		t.Errorf("%+v, %v", got, err)
	}
}

func FuzzParse(f *testing.F) {
	full := hello(f, &tls.Config{ServerName: "db.shop", NextProtos: []string{"h2"}})
	f.Add(full)
	f.Add(split(full, 3))
	f.Add(full[:20])
	f.Add([]byte("\x16\x03\x01\x00\x00"))
	f.Fuzz(func(t *testing.T, in []byte) {
		h, err := Parse(in)
		switch {
		case err == nil:
			if len(h.ServerName) > len(in) || len(h.ALPN) > maxALPN {
				t.Errorf("more came out than went in: %+v", h)
			}
		case errors.Is(err, ErrIncomplete), errors.Is(err, ErrNotTLS):
		default:
			t.Errorf("error of no kind: %v", err)
		}
		// Bytes that follow change nothing, and what is whole stays whole.
		again, err2 := Parse(append(slices.Clip(in), 'x'))
		if err == nil && (err2 != nil || cmp.Diff(h, again) != "") {
			t.Errorf("with a byte more: %+v, %v; before: %+v", again, err2, h)
		}
	})
}
