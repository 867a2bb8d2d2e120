package http2

import (
	"strings"
	"testing"
)

func TestRequestsThatAreMalformed(t *testing.T) {
	with := func(more ...string) []string { return request("GET", more...) }
	for name, fields := range map[string][]string{
		"no method":             {":scheme", "http", ":path", "/", ":authority", "a"},
		"no scheme":             {":method", "GET", ":path", "/", ":authority", "a"},
		"other scheme":          {":method", "GET", ":scheme", "ftp", ":path", "/", ":authority", "a"},
		"no path":               {":method", "GET", ":scheme", "http", ":authority", "a"},
		"empty path":            {":method", "GET", ":scheme", "http", ":path", "", ":authority", "a"},
		"relative path":         {":method", "GET", ":scheme", "http", ":path", "a", ":authority", "a"},
		"space in the path":     {":method", "GET", ":scheme", "http", ":path", "/a b", ":authority", "a"},
		"asterisk":              {":method", "GET", ":scheme", "http", ":path", "*", ":authority", "a"},
		"space in the method":   {":method", "GET /", ":scheme", "http", ":path", "/", ":authority", "a"},
		"two methods":           {":method", "GET", ":method", "GET", ":scheme", "http", ":path", "/"},
		"user information":      {":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a@b"},
		"status":                with(":status", "200"),
		"unknown pseudo-header": with(":x", "1"),
		"late pseudo-header":    {":method", "GET", ":scheme", "http", "a", "b", ":path", "/"},
		"two hosts":             with("host", "reviews", "host", "reviews"),
		"another host":          with("host", "b"),
		"upper case":            with("A", "b"),
		"name with a space":     with("a b", "c"),
		"name with a colon":     with("a:b", "c"),
		"empty name":            with("", "c"),
		"line feed":             with("a", "b\nc: d"),
		"carriage return":       with("a", "b\rc"),
		"zero byte":             with("a", "b\x00"),
		"blank before":          with("a", " b"),
		"blank after":           with("a", "b\t"),
		"connection":            with("connection", "close"),
		"keep-alive":            with("keep-alive", "1"),
		"proxy-connection":      with("proxy-connection", "1"),
		"transfer-encoding":     with("transfer-encoding", "chunked"),
		"upgrade":               with("upgrade", "h2c"),
		"te":                    with("te", "gzip"),
		"two lengths":           with("content-length", "1", "content-length", "1"),
		"list of lengths":       with("content-length", "1, 1"),
		"signed length":         with("content-length", "+1"),
		"CONNECT with a path":   {":method", "CONNECT", ":scheme", "http", ":path", "/", ":authority", "a:1"},
		"CONNECT to nobody":     {":method", "CONNECT"},
		"protocol of a GET":     with(":protocol", "websocket"),
	} {
		b, p := newBlock(requestHead), newPeer(t, nil)
		if err := b.fragment(p.fields(fields...)); err != nil {
			t.Fatal(name, err)
		}
		if err := b.end(); err != nil || b.bad == nil {
			t.Errorf("%s: %v, taken as %+v", name, err, b.head)
		}
	}
}

func newBlock(k kind) *block {
	b := new(block)
	b.init()
	b.begin(k)
	return b
}

func TestRequestsThatAreAllRight(t *testing.T) {
	for name, fields := range map[string][]string{
		"plain":            request("GET", "te", "trailers", "cookie", "a=b", "cookie", "c=d"),
		"host alone":       {":method", "GET", ":scheme", "http", ":path", "/", "host", "reviews"},
		"host as well":     request("GET", "host", "Reviews"),
		"all of a server":  {":method", "OPTIONS", ":scheme", "http", ":path", "*", ":authority", "reviews"},
		"CONNECT":          {":method", "CONNECT", ":authority", "reviews"},
		"extended CONNECT": request("CONNECT", ":protocol", "websocket")[:8],
		"empty value":      request("GET", "a", ""),
	} {
		if name == "extended CONNECT" {
			fields = append([]string{":protocol", "websocket"}, fields...)
		}
		b, p := newBlock(requestHead), newPeer(t, nil)
		if err := b.fragment(p.fields(fields...)); err != nil {
			t.Fatal(name, err)
		}
		if err := b.end(); err != nil || b.bad != nil || !strings.EqualFold(b.head.Authority, "reviews") {
			t.Errorf("%s: %v, %v, %+v", name, err, b.bad, b.head)
		}
	}
}

func TestTrailersThatAreMalformed(t *testing.T) {
	for _, fields := range [][]string{{":path", "/"}, {":status", "200"}, {"content-length", "1"}, {"connection", "x"}, {"A", "b"}} {
		b, p := newBlock(trailers), newPeer(t, nil)
		if err := b.fragment(p.fields(fields...)); err != nil {
			t.Fatal(err)
		}
		if err := b.end(); err != nil || b.bad == nil {
			t.Errorf("%q: %v", fields, err)
		}
	}
}

func TestHeadIsEdited(t *testing.T) {
	h := &Head{Fields: []Field{{Name: "a", Value: "1"}, {Name: "b", Value: "2"}, {Name: "a", Value: "3"}}}
	if got := h.Join("a", "; "); got != "1; 3" {
		t.Error(got)
	}
	h.Set("a", "4")
	h.Set("c", "5")
	h.Drop("b")
	h.Drop("none")
	if len(h.Fields) != 2 || h.Get("a") != "4" || h.Get("c") != "5" || h.Get("b") != "" {
		t.Errorf("%v", h.Fields)
	}
	var c Head
	c.CopyFrom(h)
	c.Set("a", "6")
	if h.Get("a") != "4" {
		t.Error("a copy shares its fields")
	}
}
