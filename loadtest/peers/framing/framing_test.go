package framing

import (
	"errors"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want Message
	}{
		"nothing":            {"", Message{}},
		"half a head":        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", Message{}},
		"half a body":        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", Message{}},
		"whole":              {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", Message{Head: 38, Body: 5}},
		"followed":           {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP", Message{Head: 38, Body: 5}},
		"other case, spaces": {"POST / HTTP/1.1\r\ncontent-LENGTH:  2 \r\n\r\nhi", Message{Head: 40, Body: 2}},
		"twice the same":     {"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", Message{Head: 57, Body: 1}},
		"no body":            {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", Message{Head: 27}},
		"no headers":         {"GET / HTTP/1.1\r\n\r\n", Message{Head: 18}},
	} {
		got, err := Parse([]byte(c.in))
		if err != nil || got != c.want {
			t.Errorf("%s: Parse(%q) = %+v, %v; want %+v", name, c.in, got, err, c.want)
		}
	}
}

func TestParseRefusesWhatItDoesNotKnow(t *testing.T) {
	for name, in := range map[string]string{
		"chunked":       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
		"no number":     "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"empty":         "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
		"too long":      "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
		"two lengths":   "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
		"no header":     "HTTP/1.1 200 OK\r\nnonsense\r\n\r\n",
		"endless head":  strings.Repeat("a", maxHead+1),
		"bare newlines": "HTTP/1.1 200 OK\nContent-Length 1\r\nx\r\n\r\n",
	} {
		if m, err := Parse([]byte(in)); !errors.Is(err, ErrMessage) {
			t.Errorf("%s: Parse = %+v, %v; want an error", name, m, err)
		}
	}
}

func TestStatus(t *testing.T) {
	for in, want := range map[string]int{
		"HTTP/1.1 200 OK\r\n": 200,
		"HTTP/1.1 503":        503,
		"HTTP/1.1 2xx No\r\n": 0,
		"HTTP/1.0 200 OK\r\n": 0,
		"POST / HTTP/1.1\r\n": 0,
		"HTTP":                0,
	} {
		if got := Status([]byte(in)); got != want {
			t.Errorf("Status(%q) = %d, want %d", in, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"))
	f.Add([]byte("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Parse(b)
		if err != nil && m != (Message{}) {
			t.Errorf("a message %+v beside the error %v", m, err)
		}
		if m.Head < 0 || m.Body < 0 || m.Size() > len(b) {
			t.Errorf("%+v of %d bytes", m, len(b))
		}
		if m.Size() > 0 {
			again, err := Parse(b[:m.Size()])
			if err != nil || again != m {
				t.Errorf("the message alone is %+v, %v; want %+v", again, err, m)
			}
		}
		Status(b)
	})
}
